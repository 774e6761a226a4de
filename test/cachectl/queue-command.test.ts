import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { pathOf, UploadBench } from "./upload-doubles.ts";

const main = join(import.meta.dirname, "../../nix/cachectl/main.ts");

describe("cachectl queue", function () {
  this.timeout(60_000);
  let bench: UploadBench;
  beforeEach(() => (bench = new UploadBench()));
  afterEach(() => bench.remove());

  function queue(...args: string[]): { status: number | null; stdout: string; stderr: string } {
    const env = {
      PATH: process.env.PATH,
      NIX_BINARY_CACHE_STATE: bench.folder,
      NIX_BINARY_CACHE_ROOTS: bench.places.roots,
    };
    const options = { env, encoding: "utf8", timeout: 20_000 } as const;
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, "queue", ...args], options);
    return { status, stdout, stderr };
  }

  it("says that nothing waits, on a machine where nothing was ever queued too", () => {
    bench.remove();
    const { status, stdout } = queue();
    assert.deepEqual([status, stdout], [0, "0 waiting, 0 set aside, 0 paths uploaded so far\n"]);
  });

  it("shows what waits, since when, why and what was tried, for a person and for a machine", async () => {
    bench.add("good", "bad");
    bench.faults = { bad: new Map([[pathOf("bad"), "error: lacks a signature"]]) };
    await bench.run();
    bench.add("new");
    const { stdout } = queue();
    assert.match(stdout, /^2 waiting, 0 set aside, 1 paths uploaded so far\nlast upload {3}\d{4}-/);
    assert.match(stdout, /-bad\n {2}since \S+Z, tried 1 times, again after \S+Z\n {2}.*: error: lacks a signature\n/);
    assert.match(stdout, /-new\n {2}since \S+Z\n {2}just queued; the uploader has not seen it yet\n/);
    assert.match(stdout, /\ntry all of it again now: cachectl queue retry\n$/);
    const report = JSON.parse(queue("--json").stdout) as { waiting: { attempts: number; paths: string[] }[] };
    assert.deepEqual(
      report.waiting.map(({ attempts, paths }) => [attempts, paths]),
      [
        [1, [pathOf("bad")]],
        [0, [pathOf("new")]],
      ],
    );
  });

  it("names what is in the way of all, once", async () => {
    bench.add("a");
    bench.faults = { away: true };
    await bench.run();
    assert.match(queue().stdout, /\nin the way {4}ssh: no route\n {14}tried 1 times since \S+, again after \S+\n/);
  });

  it("shows the first twenty of many, and all when asked", () => {
    bench.add(...Array.from({ length: 30 }, (_, n) => `p${n}`));
    assert.match(queue().stdout, /\nand 10 more: cachectl queue --all\n/);
    assert.equal(queue("--all").stdout.match(/^\/nix\/store\//gm)?.length, 30);
  });

  it("has all tried again at once", async () => {
    bench.add("a");
    bench.faults = { away: true };
    await bench.run();
    bench.faults = {};
    const { status, stdout } = queue("retry");
    assert.equal(status, 0);
    assert.equal(stdout, "1 entries are tried again at once; where no service watches the queue: cachectl upload\n");
    assert.ok(existsSync(join(bench.places.queue, "new", "retry")));
    await bench.run();
    assert.ok(bench.onServer.has(pathOf("a")));
  });

  it("queues once more what was set aside, by its name", async () => {
    writeFileSync(join(bench.places.queue, "new", "broken"), "");
    await bench.run();
    const [name = ""] = bench.queue.rejected();
    assert.match(queue().stdout, new RegExp(`\nset aside: ${name}\n  does not begin with`));
    assert.deepEqual(JSON.parse(queue("retry", name, "--json").stdout), { retried: 1 });
    assert.deepEqual([bench.queue.rejected(), bench.queue.arrived()], [[], ["broken"]]);
  });

  it("refuses a verb and a name that it does not know, with status 2", () => {
    for (const [args, message] of [
      [["flush"], /found "flush"; usage: cachectl queue/],
      [["retry", "../../etc"], /nothing that was set aside is named "\.\.\/\.\.\/etc"; see cachectl queue/],
      [["--nope"], /Unknown option '--nope'/],
    ] as const) {
      const { status, stderr } = queue(...args);
      assert.equal(status, 2);
      assert.match(stderr, message);
    }
  });
});
