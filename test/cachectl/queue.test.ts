import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, it } from "mocha";
import { encodeEntry, isEntryName, parseEntry } from "../../nix/cachectl/queue/entry.ts";
import { Queue } from "../../nix/cachectl/queue/queue.ts";
import { pathOf } from "./upload-doubles.ts";

const hour = 3600_000;

describe("the queue", () => {
  let folder = "";
  let queue: Queue;
  const at = (...names: string[]): string => join(folder, "queue", ...names);
  const rootAt = (...names: string[]): string => join(folder, "roots", "queue", ...names);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "queue-"));
    queue = new Queue({ queue: join(folder, "queue"), roots: join(folder, "roots") });
    queue.prepare();
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("takes in what the hook wrote, the oldest first whatever the names", () => {
    for (const [name, seconds] of [
      ["b", 1000],
      ["a", 3000],
      ["c", 2000],
    ] as const) {
      queue.add(name, { paths: [pathOf(name)] });
      utimesSync(at("new", name), seconds, seconds);
    }
    assert.deepEqual(queue.takeIn(), { moved: 3, retry: false, stuck: [] });
    assert.deepEqual(
      queue.waiting().map(({ id }) => id),
      ["b", "c", "a"],
    );
    assert.deepEqual(queue.read("b").entry, { id: "b", paths: [pathOf("b")], queuedAt: 1000_000 });
  });

  for (const when of ["arrived", "waiting"] as const) {
    it(`misses no entry that the uploader takes in right after ${when} ones were read`, () => {
      class Moving extends Queue {
        override arrived(): readonly string[] {
          const found = super.arrived();
          if (when === "arrived") this.takeIn();
          return found;
        }
        override waiting(): ReturnType<Queue["waiting"]> {
          const found = super.waiting();
          if (when === "waiting") this.takeIn();
          return found;
        }
      }
      queue.add("a", { paths: [pathOf("a")] });
      const { waiting, arrived } = new Moving({ queue: at(), roots: join(folder, "roots") }).snapshot();
      assert.deepEqual([...waiting.map(({ id }) => id), ...arrived], ["a"]);
      assert.deepEqual([queue.arrived(), queue.waiting().length], [[], 1], "it was taken in");
    });
  }

  it("takes an entry of a clock a year off as any other", () => {
    queue.add("a", { paths: [pathOf("a")] });
    const future = Date.now() / 1000 + 365 * 86_400;
    utimesSync(at("new", "a"), future, future);
    queue.takeIn();
    assert.deepEqual(queue.read("a").entry?.paths, [pathOf("a")]);
    queue.remove("a");
    assert.deepEqual([queue.waiting(), existsSync(rootAt("a"))], [[], false]);
  });

  const whole = encodeEntry({ paths: [pathOf("a"), pathOf("b")] });
  const bad: readonly [string, string | Buffer][] = [
    ["empty", ""],
    ["cut off within a line", whole.slice(0, 40)],
    ["cut off before its last line", whole.slice(0, -4)],
    ["cut off by one byte", whole.slice(0, -1)],
    ["of zeros, as some file systems leave after a power cut", Buffer.alloc(whole.length)],
    ["of another program", '{"paths":["/nix/store/x"]}'],
    ["of a later version", whole.replace("cache 1", "cache 2")],
    ["that names a file outside the store", encodeEntry({ paths: ["/etc/shadow"] })],
    ["that names a way out of the store", encodeEntry({ paths: [`${pathOf("a")}/../../../etc/shadow`] })],
    ["that names an option", encodeEntry({ paths: ["--help"] })],
    ["with a NUL", encodeEntry({ paths: [`${pathOf("a")}\0`] })],
    ["of 2 MiB", encodeEntry({ paths: Array.from({ length: 40_000 }, () => pathOf("a")) })],
  ];
  for (const [what, text] of bad) {
    it(`sets aside an entry ${what}, with a reason, and keeps its roots`, () => {
      symlinkSync("/etc/shadow", rootAt("x"));
      writeFileSync(at("waiting", "x"), text);
      const { entry, rejected } = queue.read("x");
      assert.deepEqual([entry, queue.waiting()], [undefined, []]);
      assert.ok(rejected && rejected.reason.length < 200);
      const [name = ""] = queue.rejected();
      assert.match(name, /^\d+\.x$/);
      assert.equal(queue.reasonOf(name), rejected.reason);
      assert.equal(readlinkSync(rootAt("x")), "/etc/shadow");
    });
  }

  it("writes an entry anew from its roots when a power cut left only those whole", () => {
    queue.add("x", { paths: [pathOf("a"), pathOf("b")] });
    queue.takeIn();
    writeFileSync(at("waiting", "x"), "");
    const { entry, rejected } = queue.read("x");
    assert.deepEqual(
      [entry?.paths, rejected?.reason],
      [[pathOf("a"), pathOf("b")], 'does not begin with "nix-binary-cache 1"'],
    );
  });

  for (const [what, make] of [
    ["a link", (file: string) => symlinkSync("/etc/passwd", file)],
    ["a folder", (file: string) => mkdirSync(file)],
    ["a pipe", (file: string) => spawnSync("mkfifo", [file])],
    ["a link to itself", (file: string) => symlinkSync(file, file)],
  ] as const) {
    it(`sets aside ${what} among the entries without following or waiting`, () => {
      make(at("new", "odd"));
      assert.deepEqual(queue.takeIn().stuck, []);
      assert.notEqual(queue.read("odd").rejected, undefined);
      assert.deepEqual([queue.waiting(), queue.rejected().length], [[], 1]);
    });
  }

  it("sets aside names that no entry has, and puts back what a person mended", () => {
    for (const name of ["-rf", ".hidden", "a b", "a\nb", "$(id)", "x".repeat(250)])
      writeFileSync(at("new", name), whole);
    assert.deepEqual([queue.takeIn().moved, queue.waiting(), queue.rejected().length], [0, [], 6]);
    const [name = ""] = queue.rejected().filter((rejected) => rejected.endsWith("a_b"));
    queue.putBack(name);
    queue.takeIn();
    assert.deepEqual(queue.read("a_b").entry?.paths, [pathOf("a"), pathOf("b")]);
    assert.equal(queue.rejected().length, 5);
  });

  it("adopts roots without an entry once their hook is past doubt, and only those that name store paths", () => {
    symlinkSync(pathOf("one"), rootAt("one"));
    mkdirSync(rootAt("two"));
    for (const name of ["a", "b"]) symlinkSync(pathOf(name), rootAt("two", name));
    symlinkSync("/etc/passwd", rootAt("foreign"));
    mkdirSync(rootAt("empty"));
    queue.add("queued", { paths: [pathOf("queued")] });
    assert.deepEqual(queue.adopt(), []);
    assert.deepEqual([...queue.adopt(Date.now() + hour)].sort(), ["one", "two"]);
    assert.deepEqual(queue.read("two").entry?.paths, [pathOf("a"), pathOf("b")]);
    assert.deepEqual(queue.adopt(Date.now() + hour), []);
    assert.ok(!existsSync(rootAt("empty")));
  });

  it("adopts what a clock of the future left, too", () => {
    symlinkSync(pathOf("one"), rootAt("one"));
    const future = Date.now() / 1000 + 365 * 86_400;
    lutimesSync(rootAt("one"), future, future);
    assert.deepEqual(queue.adopt(), ["one"]);
  });

  it("removes what killed hooks left half written, and nothing that is being written", () => {
    for (const name of ["old", "fresh"]) writeFileSync(at("tmp", name), "nix-bin");
    utimesSync(at("tmp", "old"), 1000, 1000);
    queue.clean();
    assert.deepEqual(readdirSync(at("tmp")), ["fresh"]);
  });

  it("survives a removal that was cut off after the entry and before the roots: queued once more, then done", () => {
    queue.add("x", { paths: [pathOf("x")] });
    queue.takeIn();
    rmSync(at("waiting", "x"));
    assert.deepEqual(queue.adopt(Date.now() + hour), ["x"]);
    queue.remove("x");
    assert.deepEqual(queue.adopt(Date.now() + hour), []);
  });
});

describe("a queue entry", () => {
  const names = fc.stringMatching(/^[a-zA-Z0-9+._?=-]{1,40}$/).filter((name) => !name.startsWith("."));
  it("is read as it was written", () => {
    fc.assert(
      fc.property(fc.uniqueArray(names, { minLength: 1 }), fc.option(names), (outs, drv) => {
        const entry = { paths: outs.map(pathOf), ...(drv !== null && { derivation: pathOf(`${drv}.drv`) }) };
        assert.deepEqual(parseEntry(encodeEntry(entry)), entry);
      }),
    );
  });

  it("is an entry or a problem, whatever the text, and never one when it is cut anywhere", () => {
    const text = encodeEntry({ paths: [pathOf("a"), pathOf("bcd")], derivation: pathOf("a.drv") });
    for (let length = 0; length < text.length; length++) assert.ok("problem" in parseEntry(text.slice(0, length)));
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (junk) => {
        assert.ok("problem" in parseEntry(junk));
        assert.ok("problem" in parseEntry(`${text}${junk}x`));
      }),
    );
  });

  it("has a name that leads nowhere else", () => {
    for (const name of ["..", ".", "a/b", "", "-x", "a\n", "a\0", "x".repeat(201)]) assert.ok(!isEntryName(name), name);
  });
});
