import assert from "node:assert/strict";
import {
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { evictRoots } from "../../nix/cachectl/retain/evict.ts";
import { readOwnRoots } from "../../nix/cachectl/retain/own-roots.ts";
import type { Root } from "../../nix/cachectl/retain/plan.ts";

const path = (name: string): string => `/nix/store/${"a".repeat(32)}-${name}`;
const day = 86_400;

describe("roots, read and evicted", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "evict-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const now = Math.floor(Date.now() / 1000);
  function root(area: string, name: string, age: number, target = path(name)): string {
    mkdirSync(join(folder, area), { recursive: true });
    const file = join(folder, area, name);
    symlinkSync(target, file);
    lutimesSync(file, now - age * day, now - age * day);
    return file;
  }
  const read = (): Root[] => readOwnRoots(folder, { machines: ["my-desk"], incomingDays: 7 });
  const found = (name: string): Root | undefined => read().find((item) => item.name.endsWith(`/${name}`));

  it("are known by where they lie and what their path is called", () => {
    root("uploads/alpha", "nixos-system-my-desk-25.11.20260101.abc", 1);
    root("uploads/mac", "darwin-system-25.11.1+abc", 1);
    root("uploads/mac", "openssl-3.0.14-dev", 1);
    root("populate/packages.x86_64-linux.hello", "hello-2.12", 2);
    root("populate/desk", ".pending-hello-2.13", 0, path("hello-2.13"));
    root("pins", "release@2027-01-31", 3, path("x"));
    root("incoming/alpha", "tool-1", 2);
    root("queue", "tool-2", 2);
    const of = (name: string): unknown[] => [found(name)?.kind, found(name)?.group];
    assert.deepEqual(of("nixos-system-my-desk-25.11.20260101.abc"), ["system", "my-desk"]);
    assert.deepEqual(of("darwin-system-25.11.1+abc"), ["system", "mac"]);
    assert.deepEqual(of("openssl-3.0.14-dev"), ["package", "mac openssl-dev"]);
    assert.deepEqual(of("hello-2.12"), ["package", "packages.x86_64-linux.hello"]);
    assert.deepEqual(of("release@2027-01-31"), ["pin", "release"]);
    assert.equal(found("release@2027-01-31")?.until, Date.parse("2027-02-01T00:00:00Z") / 1000);
    assert.deepEqual(found("tool-1")?.until, now + 5 * day);
    assert.equal(found(".pending-hello-2.13")?.kind, "incoming");
    assert.equal(found("tool-2"), undefined);
  });

  it("go in the order given; one that is renewed, replaced or removed meanwhile is left as it is", () => {
    const names = ["a", "b", "c", "d"];
    for (const name of names) root("uploads/alpha", name, 100);
    const roots = read();
    rmSync(join(folder, "uploads/alpha/b"));
    root("uploads/alpha", "b", 0);
    rmSync(join(folder, "uploads/alpha/c"));
    rmSync(join(folder, "uploads/alpha/d"));
    root("uploads/alpha", "d", 100, path("other"));
    const { removed, left } = evictRoots(roots, folder);
    assert.deepEqual([removed, left.map((name) => name.at(-1)).sort()], [1, ["b", "c", "d"]]);
    assert.deepEqual(readdirSync(join(folder, "uploads/alpha")).sort(), ["b", "d"]);
    assert.equal(readlinkSync(join(folder, "uploads/alpha/d")), path("other"));
  });

  it("of a committed path are one, and go together; announced anew it is on its way once more, and stays", () => {
    for (const [name, announced] of [
      ["gone", 101],
      ["anew", 2],
    ] as const) {
      root("incoming/alpha", name, announced);
      root("uploads/alpha", name, 100);
    }
    const roots = read();
    const names = (): string[] => ["incoming", "uploads"].flatMap((area) => readdirSync(join(folder, area, "alpha")));
    assert.deepEqual(roots.map(({ name, kind }) => `${kind} ${name.slice(folder.length + 1)}`).sort(), [
      "incoming incoming/alpha/anew",
      "package uploads/alpha/anew",
      "package uploads/alpha/gone",
    ]);
    const uploads = roots.filter(({ kind }) => kind === "package");
    assert.deepEqual(evictRoots(uploads, folder), { removed: 2, left: [] });
    assert.deepEqual(names(), ["anew"]);
  });

  it("are left where a folder was swapped for a link to another, whoever did that", () => {
    root("uploads/alpha", "a", 100);
    const roots = read();
    renameSync(join(folder, "uploads/alpha"), join(folder, "elsewhere"));
    symlinkSync(join(folder, "elsewhere"), join(folder, "uploads/alpha"));
    assert.deepEqual(evictRoots(roots, folder), { removed: 0, left: [join(folder, "uploads/alpha/a")] });
    assert.deepEqual(readdirSync(join(folder, "elsewhere")), ["a"]);
    assert.deepEqual(read(), []);
  });

  it("stay, all that are left, once it is asked to stop", () => {
    root("uploads/alpha", "a", 100);
    assert.equal(evictRoots(read(), folder, AbortSignal.abort()).removed, 0);
    assert.equal(read().length, 1);
  });

  it("cut off in the middle, leave a root that goes the next time", () => {
    const file = root("uploads/alpha", "a", 100);
    renameSync(file, join(folder, "uploads/alpha/.tmp-0123456789ab"));
    const [left] = read();
    assert.deepEqual([left?.kind, left?.path], ["incoming", path("a")]);
    assert.ok((left?.until ?? Infinity) < now);
  });
});
