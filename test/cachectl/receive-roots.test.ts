/** A builder's roots on their way from announced to committed. Nix's collector looks at them at any moment, in any order. */
import assert from "node:assert/strict";
import { lutimesSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { parseLimits } from "../../nix/cachectl/receive/limits.ts";
import { BuilderRoots } from "../../nix/cachectl/receive/roots.ts";
import { storePath } from "./receive-protocol.ts";

const limits = parseLimits({});

describe("the roots of a builder", () => {
  let folder = "";
  let roots: BuilderRoots;
  const path = storePath("a");
  const listed = (kind: "incoming" | "uploads"): string[] => readdirSync(join(folder, kind, "alpha"));
  const since = (kind: "incoming" | "uploads", seconds: number): void => {
    const time = new Date(Date.now() - seconds * 1000);
    lutimesSync(join(folder, kind, "alpha", basename(path)), time, time);
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "roots-"));
    for (const kind of ["incoming", "uploads"]) mkdirSync(join(folder, kind, "alpha"), { recursive: true });
    roots = new BuilderRoots(folder, "alpha");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  for (const [first, second] of [
    ["incoming", "uploads"],
    ["uploads", "incoming"],
  ] as const) {
    it(`show a path to whoever reads ${first} before it is committed, and ${second} after`, () => {
      roots.announce([path], limits);
      const before = listed(first);
      roots.commit([path]);
      assert.ok([...before, ...listed(second)].includes(basename(path)));
    });
  }

  it("count a committed path as committed alone, and as announced when it is announced anew", () => {
    roots.announce([path], limits);
    since("incoming", 3);
    roots.commit([path]);
    assert.deepEqual(roots.counts(), { incoming: 0, uploads: 1 });
    since("uploads", 2);
    roots.announce([path], limits);
    assert.deepEqual(roots.counts(), { incoming: 1, uploads: 1 });
    roots.commit([path]);
    assert.deepEqual(roots.counts(), { incoming: 0, uploads: 1 });
  });

  it("lose the announced one with a later announcement, once the committed one has been there for a while", () => {
    roots.announce([path], limits);
    since("incoming", 40);
    roots.commit([path]);
    roots.announce([storePath("b")], limits);
    assert.equal(listed("incoming").length, 2, "it has just been committed");
    since("uploads", 31);
    roots.announce([storePath("b")], limits);
    assert.deepEqual(listed("incoming"), [basename(storePath("b"))]);
    assert.deepEqual(listed("uploads"), [basename(path)]);
  });
});
