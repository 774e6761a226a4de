import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { PopulateRoots } from "../../nix/cachectl/populate/roots.ts";

describe("populate's roots", () => {
  let folder: string;
  let roots: PopulateRoots;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "populate-roots-"));
    roots = new PopulateRoots(folder);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const path = (name: string): string => join(folder, "store", name);
  const build = (name: string): string => {
    mkdirSync(join(folder, "store"), { recursive: true });
    writeFileSync(path(name), "");
    return path(name);
  };
  const of = (group: string): string[] => readdirSync(join(folder, "populate", group)).sort();
  const day = (number: number): Date => new Date(Date.UTC(2026, 0, number));

  it("hold a path before it is there, and count as a success only when it is", () => {
    roots.hold("desktop", [path("one")]);
    assert.deepEqual(of("desktop"), [".pending-one"]);
    assert.equal(readlinkSync(join(folder, "populate", "desktop", ".pending-one")), path("one"));
    roots.commit("desktop", [path("one")], 2, day(1));
    assert.equal(roots.holds("desktop", [path("one")]), false);
    build("one");
    assert.equal(roots.holds("desktop", [path("one")]), true);
    roots.drop("desktop");
    assert.deepEqual(of("desktop"), ["one"]);
  });

  it("keep the last generations, and nothing of the others", () => {
    roots.commit("desktop", ["a1", "a2"].map(build), 2, day(1));
    roots.commit("desktop", ["b"].map(build), 2, day(2));
    assert.deepEqual(of("desktop"), ["a1", "a2", "b"]);
    roots.commit("desktop", ["c"].map(build), 2, day(3));
    assert.deepEqual(of("desktop"), ["b", "c"]);
  });

  it("count a generation that is wanted again as the newest", () => {
    for (const [index, name] of ["a", "b", "a", "c"].entries())
      roots.commit("desktop", [build(name)], 2, day(index + 1));
    assert.deepEqual(of("desktop"), ["a", "c"]);
  });

  it("keep each group for itself", () => {
    roots.commit("desktop", [build("a")], 1, day(1));
    roots.commit("laptop", [build("b")], 1, day(2));
    assert.deepEqual([of("desktop"), of("laptop")], [["a"], ["b"]]);
    assert.equal(roots.holds("laptop", [path("a")]), false);
  });

  it("are rid of what a killed run left, and of nothing else", () => {
    roots.commit("desktop", [build("a")], 1, day(1));
    roots.hold("desktop", [path("b")]);
    roots.hold("laptop", [path("c")]);
    symlinkSync(path("d"), join(folder, "populate", "desktop", ".tmp-d"));
    roots.clean();
    assert.deepEqual(of("desktop"), ["a"]);
    assert.deepEqual(readdirSync(join(folder, "populate")), ["desktop"]);
  });

  it("do not take another path's link of the same name for theirs", () => {
    build("a");
    mkdirSync(join(folder, "populate", "desktop"));
    symlinkSync("/elsewhere/a", join(folder, "populate", "desktop", basename(path("a"))));
    assert.equal(roots.holds("desktop", [path("a")]), false);
    roots.commit("desktop", [path("a")], 1, day(1));
    assert.equal(roots.holds("desktop", [path("a")]), true);
  });
});
