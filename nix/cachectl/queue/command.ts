import { UsageError, type Command, type Invocation } from "../lib/command.ts";
import { readState } from "../upload/state.ts";
import { Queue } from "./queue.ts";
import { describeReport, reportOn } from "./report.ts";

const shown = 20;

export const command: Command = {
  summary: "show what waits to be uploaded, since when and why, or have it tried again at once",
  usage: "queue [--all] [--json] | queue retry [NAME…]   (NAME: something set aside, to be queued once more)",
  options: { all: { type: "boolean" } },
  run,
};

function run({ positionals, options, paths, stdout }: Invocation): Promise<number> {
  const [verb, ...names] = positionals;
  const queue = new Queue(paths);
  if (verb === undefined) {
    const report = reportOn(queue, readState(paths.state));
    const most = options.all === true ? Infinity : shown;
    stdout.write(options.json === true ? `${JSON.stringify(report)}\n` : describeReport(report, most));
  } else if (verb === "retry") {
    for (const name of names) putBack(queue, name);
    queue.askForRetry();
    const { waiting, arrived } = queue.snapshot();
    const count = waiting.length + arrived.length;
    const text = `${count} entries are tried again at once; where no service watches the queue: cachectl upload\n`;
    stdout.write(options.json === true ? `${JSON.stringify({ retried: count })}\n` : text);
  } else throw new UsageError(`found ${JSON.stringify(verb)}; usage: cachectl ${command.usage}`);
  return Promise.resolve(0);
}

function putBack(queue: Queue, name: string): void {
  if (!queue.rejected().includes(name))
    throw new UsageError(`nothing that was set aside is named ${JSON.stringify(name)}; see cachectl queue`);
  queue.putBack(name);
}
