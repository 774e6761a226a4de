import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { UsageError, type Command, type Invocation } from "../lib/command.ts";
import { replaceFile } from "../lib/replace-file.ts";
import { keepWords, latestWords } from "../clients/word.ts";
import { writeSamples } from "./facts/disk.ts";
import { writeTraffic } from "./facts/traffic.ts";
import { describeMetrics, metricsOf } from "./metrics.ts";
import { pageOf } from "./page/page.ts";
import { badgeOf } from "./page/badge.ts";
import { statusFiles, statusOf, type Status } from "./status.ts";
import { describeStatus } from "./text.ts";

/**
 * `--html FILE` is for a timer: it writes the page, and beside it status.svg (one line, to be shown elsewhere) and
 * metrics.prom (for node_exporter's textfile collector), each by rename, and keeps what it counted for the next time.
 */
export const command: Command = {
  summary: "show what was served, uploaded, built and kept, as text, as a page or for Prometheus",
  usage: "status [--json | --prometheus | --html FILE]",
  options: { prometheus: { type: "boolean" }, html: { type: "string" } },
  run,
};

function run({ options, positionals, paths, env, stop, stdout }: Invocation): Promise<number> {
  const { json, prometheus, html } = options;
  if (positionals.length > 0)
    throw new UsageError(`found ${JSON.stringify(positionals[0])}; usage: cachectl ${command.usage}`);
  if ([json === true, prometheus === true, html !== undefined].filter(Boolean).length > 1) {
    throw new UsageError(`found more than one form; usage: cachectl ${command.usage}`);
  }
  const status = statusOf({ paths, env, stop });
  if (typeof html === "string" && status.server !== undefined) keepWords(paths.state, latestWords(paths.state, env));
  if (typeof html === "string") publish(html, paths.state, status);
  else if (prometheus === true) stdout.write(describeMetrics(metricsOf(status)));
  else stdout.write(json === true ? `${JSON.stringify(status)}\n` : describeStatus(status));
  return Promise.resolve(0);
}

function publish(page: string, state: string, status: Status): void {
  const folder = dirname(page);
  mkdirSync(folder, { recursive: true });
  if (status.server !== undefined) {
    const files = statusFiles(state);
    mkdirSync(dirname(files.traffic), { recursive: true });
    writeTraffic(files.traffic, status.server.traffic);
    writeSamples(files.samples, status.server.disk.history);
  }
  replaceFile(join(folder, "metrics.prom"), describeMetrics(metricsOf(status)), 0o644);
  replaceFile(join(folder, "status.svg"), badgeOf(status), 0o644);
  replaceFile(page, pageOf(status), 0o644);
}
