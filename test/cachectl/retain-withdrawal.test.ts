import assert from "node:assert/strict";
import { once } from "node:events";
import { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Marks } from "../../nix/cachectl/retain/marks.ts";
import { HeldRoots } from "../../nix/cachectl/retain/held-roots.ts";
import { StoreUse } from "../../nix/cachectl/retain/store-use.ts";
import type { Survey } from "../../nix/cachectl/retain/survey.ts";
import { Withdrawal } from "../../nix/cachectl/retain/withdrawal.ts";
import { forEachTest, type RetainWorld } from "./retain-world.ts";

describe("cachectl retain and who begins to read meanwhile", function () {
  this.timeout(120_000);
  let world: RetainWorld;
  forEachTest((made) => (world = made));

  const hashOf = (path: string): string => basename(path).slice(0, 32);
  const marked = (folder: string): string[] => {
    try {
      return readdirSync(join(world.state, folder));
    } catch {
      return [];
    }
  };
  const marks = (): string[] => readdirSync(world.state).filter((name) => /deciding|going|marks/.test(name));
  const read = (path: string): void =>
    appendFileSync(
      world.accessLog,
      `${(Date.now() / 1000).toFixed(3)} 5000 200 400 - 0.001 /${hashOf(path)}.narinfo\n`,
    );
  const link = (path: string, folder: string, days: number): string => world.root(folder, path, days);

  /** A current package, and two old ones that need a library of theirs. */
  function fill(): Record<"kept" | "read" | "unread" | "library", string> {
    const built = world.build([
      { name: "library", size: 1000 },
      { name: "tool-1.2", size: 10 },
      { name: "tool-1.0", size: 10, references: ["library"] },
      { name: "tool-1.1", size: 10, references: ["library"] },
    ]);
    const path = (name: string): string => built.get(name) ?? "";
    link(path("tool-1.2"), "uploads/alpha", 0);
    const paths = {
      kept: path("tool-1.2"),
      read: path("tool-1.0"),
      unread: path("tool-1.1"),
      library: path("library"),
    };
    world.configure({ keepPackages: 1, keepDays: 1, diskBudget: 5000 });
    writeFileSync(world.accessLog, "");
    return paths;
  }

  /** Many versions of one package, the newest of which stays; returns the others. */
  function fillOld(count: number): string[] {
    const [newest = "", ...old] = world.add(count, 500);
    link(newest, "uploads/alpha", 0);
    for (const path of old) link(path, "uploads/alpha", 90);
    return old;
  }

  /** Starts retain and waits for what is marked to be as said. */
  async function startUntil(
    folder: string,
    holds: (names: readonly string[]) => boolean,
  ): Promise<() => Promise<number | null>> {
    const child = world.start("retain");
    const ended = once(child, "exit");
    while (!holds(marked(folder)) && child.exitCode === null) await pause(1);
    assert.equal(child.exitCode, null, "it was over before anything was marked");
    return async () => ((await ended) as [number | null])[0];
  }

  for (const rooted of [true, false]) {
    it(`keeps the closure of what ${rooted ? "an old root" : "no root"} holds and somebody began to read after the plan`, async () => {
      const paths = fill();
      if (rooted) for (const path of [paths.read, paths.unread]) link(path, "uploads/alpha", 90);
      const end = await startUntil("deciding", (names) => names.length >= 3);
      const asked = [paths.read, paths.unread, paths.library, paths.kept].map((path) =>
        marked("deciding").includes(hashOf(path)),
      );
      assert.deepEqual(asked, [true, true, true, false]);
      read(paths.read);
      assert.equal(await end(), 0);
      const left = (): boolean[] =>
        [paths.kept, paths.read, paths.library, paths.unread].map((path) => world.has(path));
      assert.deepEqual(left(), [true, true, true, false]);
      assert.deepEqual([marks(), existsSync(join(world.roots, "held")), world.verify()], [[], false, ""]);
      writeFileSync(world.accessLog, "");
      assert.equal(world.cachectl("retain").status, 0);
      assert.deepEqual(left(), [true, false, false, false]);
    });
  }

  it("has what goes, and nothing else, gone for readers before the first root is removed", async () => {
    const paths = fill();
    const old = fillOld(200);
    for (const path of [paths.read, paths.unread]) link(path, "uploads/alpha", 90);
    read(paths.read);
    const end = await startUntil("going", (names) => names.length > 0);
    const going = marked("going");
    assert.deepEqual(
      [paths.unread, old[0] ?? "", paths.read, paths.library, paths.kept].map((path) => going.includes(hashOf(path))),
      [true, true, false, false, false],
    );
    assert.deepEqual([await end(), marks()], [0, []]);
    assert.deepEqual([world.has(paths.read), old.filter((path) => world.has(path))], [true, []]);
  });

  it("marks nothing where nothing goes, where there is no log, and in a dry run", async () => {
    const { kept, read: other } = fill();
    for (const path of [kept, other]) world.root("pins", path, 1, basename(path).slice(33));
    const marked = async (...args: string[]): Promise<boolean> => {
      const child = world.start("retain", ...args);
      const ended = once(child, "exit");
      let seen = false;
      while (child.exitCode === null) {
        seen ||= marks().length > 0;
        await pause(1);
      }
      assert.deepEqual(await ended, [0, null]);
      return seen;
    };
    assert.equal(await marked("--dry-run"), false);
    assert.equal(await marked(), true);
    const [loose = ""] = world.add(1, 10);
    rmSync(world.accessLog);
    assert.equal(await marked(), false);
    assert.equal(world.has(loose), false);
    writeFileSync(world.accessLog, "");
    assert.equal(await marked(), false);
  });

  it("keeps for this run what loses its root, or its process, while it decides", async () => {
    const { kept, read: other, unread, library } = fill();
    const root = link(other, "populate/packages.x", 0);
    const end = await startUntil("deciding", (names) => names.includes(hashOf(unread)));
    rmSync(root);
    assert.equal(await end(), 0);
    assert.deepEqual(
      [kept, other, library, unread].map((path) => world.has(path)),
      [true, true, true, false],
    );
    assert.equal(world.cachectl("retain").status, 0);
    assert.deepEqual(
      [kept, other, library].map((path) => world.has(path)),
      [true, false, false],
    );
  });

  for (const [folder, again] of [
    ["deciding", ["retain"]],
    ["going", ["retain"]],
    ["going", ["retain", "--if-low"]],
  ] as const) {
    it(`killed while paths are ${folder}, hides nothing for longer than until the next ${again.join(" ")}`, async () => {
      const { kept, read: other } = fill();
      const old = fillOld(300);
      read(other);
      const child = world.start("retain");
      while (marked(folder).length === 0 && child.exitCode === null) await pause(1);
      child.kill("SIGKILL");
      await once(child, "exit");
      assert.deepEqual([child.signalCode, marks()], ["SIGKILL", [folder]]);
      assert.equal(world.verify(), "");
      const { status, stderr } = world.cachectl(...again);
      assert.deepEqual([status, stderr, marks(), existsSync(join(world.roots, "held"))], [0, "", [], false]);
      assert.deepEqual([world.has(kept), world.verify()], [true, ""]);
      if (again.length === 1) assert.deepEqual([world.has(other), old.filter((path) => world.has(path))], [true, []]);
    });
  }

  it("stopped while it decides, serves everything again", async () => {
    const { read: other } = fill();
    link(other, "uploads/alpha", 90);
    const child = world.start("retain");
    while (marked("deciding").length === 0 && child.exitCode === null) await pause(1);
    child.kill("SIGTERM");
    const [status] = (await once(child, "exit")) as [number];
    assert.deepEqual([status, marks(), world.has(other)], [143, [], true]);
  });

  describe("step by step", () => {
    const [nameA, nameB, nameC, library] = ["a", "b", "c", "d"].map(
      (letter) => `/nix/store/${letter.repeat(32)}-x`,
    ) as [string, string, string, string];
    const surveyOf = (paths: Record<string, readonly string[]>): Survey => ({
      graph: new Map(Object.entries(paths).map(([path, references]) => [path, { bytes: 1, references }])),
      roots: [],
      plan: { keep: [], evict: [], deferred: [], keptBytes: 0, overBudget: false },
      beingRead: new Set(),
      now: 0,
      policy: {
        budgetBytes: 1e9,
        minFreeBytes: 0,
        keepSystems: 1,
        keepPackages: 1,
        keepDays: 1,
        machines: [],
        incomingDays: 7,
      },
      summary: {} as Survey["summary"],
    });
    const withdrawalWith = (beingRead: () => Set<string>): Withdrawal => {
      const temporaryRoots = join(world.folder, "temproots");
      mkdirSync(temporaryRoots, { recursive: true });
      const databaseFile = join(world.nix, "var/nix/db/db.sqlite");
      return new Withdrawal({
        sources: { beingRead, readOwnRoots: () => [] },
        marks: new Marks(world.state),
        use: new StoreUse({ databaseFile, temporaryRoots, rootsDirectory: world.roots }),
        held: new HeldRoots(world.roots),
        stop: new AbortController().signal,
        warn: (message) => assert.fail(message),
      });
    };
    const gone = async (path: string): Promise<void> => {
      for (let tries = 0; tries < 40 && marked("going").includes(hashOf(path)); tries++) await pause(50);
      assert.ok(!marked("going").includes(hashOf(path)), path);
    };

    it("serves again what an upload or a build begins to use, or what newly refers to it, while Nix collects", async () => {
      const built = world.build([
        { name: "library", size: 10 },
        { name: "held", size: 10, references: ["library"] },
        { name: "announced", size: 10 },
        { name: "needed", size: 10 },
      ]);
      const [lib, held, announced, needed] = [...built.values()] as [string, string, string, string];
      const withdrawal = withdrawalWith(() => new Set());
      const found = surveyOf({ [lib]: [], [held]: [lib], [announced]: [], [needed]: [], [nameA]: [] });
      await withdrawal.decide(found);
      withdrawal.spare(found, new Set());
      assert.equal(marked("going").length, 5);
      writeFileSync(join(world.folder, "temproots", String(process.pid)), `${held}\0`);
      await gone(held);
      await gone(lib);
      world.root("incoming/alpha/.session-1-abc", announced, 0);
      await gone(announced);
      assert.deepEqual(marked("going").sort(), [hashOf(needed), hashOf(nameA)].sort());
      // Nothing announced this: it is there, and needs what is marked.
      world.build([
        { name: "needed", size: 10 },
        { name: "young", size: 10, references: ["needed"] },
      ]);
      await gone(needed);
      assert.deepEqual(marked("going"), [hashOf(nameA)]);
      withdrawal.end();
      withdrawal.end();
      assert.deepEqual(marks(), []);
    });

    it("begins anew when it could not decide before nginx stops waiting", async () => {
      let looks = 0;
      const withdrawal = withdrawalWith(() => {
        const until = Date.now() + (looks++ === 0 ? 5000 : 0);
        while (Date.now() < until);
        return new Set(looks === 1 ? [] : [hashOf(nameB)]);
      });
      const begun = Date.now();
      await withdrawal.decide(surveyOf({ [nameA]: [library], [nameB]: [library], [library]: [], [nameC]: [] }));
      assert.ok(Date.now() - begun > 10_500);
      assert.deepEqual([looks, marked("going").sort(), marked("deciding")], [2, [hashOf(nameA), hashOf(nameC)], []]);
      withdrawal.end();
    });
  });
});
