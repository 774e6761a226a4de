/** The tailnet's policy: how long merging takes, and whether the lab's stand-in judges policies as Tailscale does. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { merge } from "../../components/tailnet-access/merge.ts";
import { unmerge } from "../../components/tailnet-access/unmerge.ts";
import { answerCase, type CapturedCase, readCases } from "../lab/tailscale/judge.ts";
import { entriesOf, hugePolicy } from "../unit/tailnet-access/samples.ts";
import { type Figure, median, type Report } from "./figure.ts";

const lines = 5_000;
const budgetMs = 100;
const rounds = 15;

/** What Tailscale's control plane answered; beside the checkout where it is there. */
const captured = join(import.meta.dirname, "../../../shared/api/tailnet-policy-answers.json");

export function policy(report: Report): Promise<void> {
  const text = hugePolicy(lines);
  const entries = entriesOf();
  const merged = merge(text, entries);
  assert.equal(unmerge(merged, entries.tag), text);
  report(duration("the first merge into", () => merge(text, entries)));
  report(duration("a merge that changes nothing in", () => merge(merged, entries)));
  report(duration("a changed stack merged into", () => merge(merged, entriesOf({ port: 5001 }))));
  report(duration("taking the entries out of", () => unmerge(merged, entries.tag)));
  if (existsSync(captured)) report(judged(readCases(captured)));
  return Promise.resolve();
}

function duration(what: string, work: () => unknown): Figure {
  const times = Array.from({ length: rounds }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  const value = median(times);
  const metric = `${what} a policy of ${lines} lines`;
  return { metric, value, unit: "ms", against: "", budget: `<= ${budgetMs} ms`, holds: value <= budgetMs };
}

function judged(cases: readonly CapturedCase[]): Figure {
  const right = cases.filter((one) => {
    const { code, body } = answerCase(one);
    const { response } = one as CapturedCase & { readonly response: { readonly code: number; readonly body?: object } };
    const { message } = (response.body ?? {}) as { readonly message?: string };
    return code === response.code && (message === undefined || message === body.message);
  }).length;
  const budget = `all ${cases.length}`;
  const against = "Tailscale's own answers";
  return {
    metric: "captured policies judged right",
    value: right,
    unit: "",
    against,
    budget,
    holds: right === cases.length,
  };
}
