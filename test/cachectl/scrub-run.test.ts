import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { affectedBy } from "../../nix/cachectl/scrub/affected.ts";
import type { Hashed } from "../../nix/cachectl/scrub/hash-path.ts";
import type { ScrubRecord } from "../../nix/cachectl/scrub/record.ts";
import { scrub, type ScrubTools } from "../../nix/cachectl/scrub/scrub.ts";
import type { Recorded } from "../../nix/cachectl/scrub/valid-paths.ts";
import { release, withhold, withheldCauses } from "../../nix/cachectl/scrub/withheld.ts";
import { closure, generated } from "./retain-graphs.ts";

const path = (letter: string): string => `/nix/store/${letter.repeat(32)}-${letter}`;

describe("a run of scrub, over doubles of the store and the disk", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "scrub-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  /** A double: the disk's answers for each path, one after the other; the last one again and again. */
  function tools(disk: Readonly<Record<string, Hashed[]>>, more: Partial<ScrubTools> = {}): ScrubTools {
    const recorded = (letter: string): Recorded => ({ path: path(letter), narHash: "right", narSize: 10 });
    const left = new Map(Object.entries(disk).map(([letter, answers]) => [path(letter), [...answers]]));
    const hash = (asked: string): Promise<Hashed> => {
      const answers = left.get(asked) ?? [];
      return Promise.resolve((answers.length > 1 ? answers.shift() : answers[0]) ?? { problem: "no such path" });
    };
    return {
      stateDirectory: folder,
      rootsDirectory: folder,
      nginxCache: folder,
      readGraph: () =>
        Promise.resolve(new Map(Object.keys(disk).map((letter) => [path(letter), { bytes: 1, references: [] }]))),
      readRoots: () => [],
      deriverOf: () => Promise.resolve(undefined),
      renew: () => Promise.resolve("nobody has it"),
      recordOf: (asked) => Promise.resolve(left.has(asked) ? recorded(asked.at(-1) ?? "") : undefined),
      hash,
      remove: () => Promise.resolve(),
      stop: new AbortController().signal,
      validPaths: () => Promise.resolve(Object.keys(disk).map(recorded)),
      record: () => undefined,
      found: () => undefined,
      ...more,
    };
  }
  const right = { narHash: "right" };
  const wrong = { narHash: "wrong" };
  const outcomes = ({ findings }: ScrubRecord): string[] =>
    findings.map((item) => `${item.path.at(-1) ?? ""} ${item.outcome}`);

  it("believes a second reading, and says that the machine is unsound", async () => {
    const record = await scrub(tools({ a: [right], b: [wrong, right], c: [{ problem: "EIO" }, right] }), undefined);
    assert.deepEqual(outcomes(record), ["b passed", "c passed"]);
    assert.deepEqual([record.outcome, record.checked, withheldCauses(folder)], ["done", 3, []]);
  });

  it("passes over what was deleted while it was read", async () => {
    const record = await scrub(tools({ a: [wrong] }, { recordOf: () => Promise.resolve(undefined) }), undefined);
    assert.deepEqual(record.findings, []);
  });

  it("believes no repair that did not help", async () => {
    const lying = tools(
      { a: [wrong] },
      { renew: () => Promise.resolve(undefined), deriverOf: () => Promise.resolve("drv") },
    );
    const record = await scrub(lying, undefined);
    assert.deepEqual(outcomes(record), ["a withheld"]);
    assert.match(record.findings[0]?.detail ?? "", /not fetched: corrupt; not built: corrupt/);
  });

  it("does not give up for good a repair that was only interrupted", async () => {
    const controller = new AbortController();
    const renew = (): Promise<string> => {
      controller.abort();
      return Promise.resolve("ended");
    };
    const record = await scrub(tools({ a: [wrong] }, { renew, stop: controller.signal }), undefined);
    assert.deepEqual([record.outcome, record.findings, withheldCauses(folder)], ["stopped", [], [path("a")]]);
    const removed: string[] = [];
    const remove = (paths: readonly string[]): Promise<void> => Promise.resolve(void removed.push(...paths));
    const next = await scrub(tools({ a: [wrong] }, { remove }), record);
    assert.deepEqual([outcomes(next), removed], [["a withheld"], []]);
    // It is both withheld and in the list: it is seen to once.
    const last = await scrub(tools({ a: [wrong] }, { remove }), next);
    assert.deepEqual([outcomes(last), removed, withheldCauses(folder)], [["a taken-out"], [path("a")], []]);
  });

  it("records that it failed, and why", async () => {
    const records: ScrubRecord[] = [];
    const broken = {
      validPaths: () => Promise.reject(new Error("no database")),
      record: (item: ScrubRecord) => void records.push(item),
    };
    await assert.rejects(scrub(tools({}, broken), undefined), /no database/);
    assert.deepEqual([records.at(-1)?.outcome, records.at(-1)?.reason], ["failed", "no database"]);
  });

  it("keeps a path out of service until the last cause is gone", () => {
    withhold(folder, path("a"), [path("a"), path("c")]);
    withhold(folder, path("b"), [path("b"), path("c")]);
    release(folder, path("a"));
    assert.deepEqual(readdirSync(join(folder, "withheld")), ["b".repeat(32), "c".repeat(32)]);
    release(folder, path("b"));
    assert.deepEqual(readdirSync(join(folder, "withheld")), []);
  });

  it("knows exactly what needs a path, each before what it refers to", () => {
    fc.assert(
      fc.property(generated, fc.nat(39), ({ graph }, index) => {
        const asked = `p${index % graph.size}`;
        const order = affectedBy(asked, graph);
        const expected = [...graph.keys()].filter((other) => closure(graph, [other]).has(asked));
        assert.deepEqual([...order].sort(), expected.sort());
        order.forEach((item, at) => {
          for (const reference of graph.get(item)?.references ?? [])
            if (reference !== item && order.includes(reference)) assert.ok(order.indexOf(reference) > at);
        });
      }),
    );
  });
});
