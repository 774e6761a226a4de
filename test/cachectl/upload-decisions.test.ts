import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { readState, writeState } from "../../nix/cachectl/upload/state.ts";
import { pathOf, UploadBench } from "./upload-doubles.ts";

const names = (count: number, prefix = "p"): string[] => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

describe("what the uploader decides", function () {
  // Every entry is written through to the disk.
  this.timeout(60_000);
  let bench: UploadBench;
  beforeEach(() => (bench = new UploadBench()));
  afterEach(() => bench.remove());
  const waiting = (): string[] => bench.queue.waiting().map(({ id }) => bench.queue.peek(id)?.paths[0] ?? "");

  it("makes no connection for an empty queue, nor for one with nothing due", async () => {
    assert.deepEqual(await bench.run(), { uploaded: 0, skipped: 0, rejected: 0, waiting: 0 });
    bench.add("a");
    bench.faults = { away: true };
    assert.equal((await bench.run()).reason, "ssh: no route");
    assert.equal(bench.connections, 1);
    const again = await bench.run();
    assert.deepEqual([again.waiting, again.reason, bench.connections], [1, "ssh: no route", 1]);
  });

  it("sends in batches, announces before it copies, and removes an entry with its roots once it is confirmed", async () => {
    const paths = bench.add(...names(25));
    const result = await bench.run();
    assert.deepEqual([result.uploaded, result.waiting], [25, 0]);
    assert.deepEqual(
      bench.copies.map(({ length }) => length),
      [10, 10, 5],
    );
    assert.deepEqual([...bench.onServer].sort(), paths.sort());
    assert.deepEqual(readdirSync(join(bench.places.roots, "queue")), []);
  });

  for (const [what, message] of [
    ["that names its path", `error: hash of path '${pathOf("p3")}' has changed`],
    ["that names nothing", "error: broken pipe"],
  ] as const) {
    it(`finds the path of a failure ${what}, sends the rest, and waits before it tries that one again`, async () => {
      bench.add(...names(10));
      bench.faults = { bad: new Map([[pathOf("p3"), message]]) };
      const result = await bench.run();
      assert.deepEqual([result.uploaded, result.waiting], [9, 1]);
      assert.deepEqual(waiting(), [pathOf("p3")]);
      assert.equal((await bench.run()).waiting, 1);
      const { entries } = readState(bench.folder);
      const [setback] = Object.values(entries);
      assert.deepEqual([setback?.failures, setback?.reason], [1, `${pathOf("p3")}: ${message}`]);
      const copies = bench.copies.length;
      bench.faults = {};
      bench.queue.askForRetry();
      assert.deepEqual([(await bench.run()).waiting, bench.copies.length], [0, copies + 1]);
      assert.deepEqual(readState(bench.folder).entries, {});
    });
  }

  it("stops at one cause of all, and does not try each of many", async () => {
    bench.add(...names(200));
    const message = (path: string): string => `error: cannot add path '${path}' because it lacks a signature`;
    bench.faults = { bad: new Map(names(200).map((name) => [pathOf(name), message(pathOf(name))])) };
    const { waiting: left, reason } = await bench.run();
    assert.equal(left, 200);
    assert.match(reason ?? "", /lacks a signature/);
    assert.ok(bench.copies.length < 20, `${bench.copies.length} copies`);
  });

  it("asks for room once on a server whose disk is full, and waits", async () => {
    bench.add(...names(10));
    bench.faults = { bad: new Map(names(10).map((name) => [pathOf(name), "error: the server's disk"])), onDisk: 5 };
    assert.equal((await bench.run()).reason, "the server's disk is full");
    assert.deepEqual([bench.copies.length, waiting().length], [1, 10]);
  });

  for (const [onDisk, reason] of [
    [70_000, "error: unexpected end-of-file"],
    // Its bytes would go in, by a little: what a disk needs beside them would not.
    [1000, "the server's disk is full"],
  ] as const) {
    it(`asks for room where Nix says only that the session ended: ${onDisk} bytes are free`, async () => {
      const [path = "", small = ""] = bench.add("a", "small");
      bench.faults = { bad: new Map([[path, "error: unexpected end-of-file"]]), onDisk };
      bench.known.set(path, { narSize: 900 });
      bench.settings.batchPaths = 1;
      await bench.run();
      assert.ok(bench.onServer.has(small));
      assert.equal(Object.values(readState(bench.folder).entries)[0]?.reason, `${path}: ${reason}`);
    });
  }

  it("keeps an entry that the server took in and did not confirm, with the server's reason", async () => {
    const [path = ""] = bench.add("a");
    bench.faults = { unconfirmed: new Map([[path, "is signed by nobody trusted"]]) };
    assert.equal((await bench.run()).waiting, 1);
    assert.equal(Object.values(readState(bench.folder).entries)[0]?.reason, `${path}: is signed by nobody trusted`);
  });

  it("keeps an entry until the last of its paths is confirmed", async () => {
    const [out, dev] = [pathOf("out"), pathOf("dev")];
    bench.queue.add("both", { paths: [out, dev] });
    bench.faults = { bad: new Map([[dev, `error: ${dev}`]]) };
    assert.deepEqual([(await bench.run()).waiting, bench.onServer.has(out)], [1, true]);
    assert.deepEqual(bench.queue.rootsOf("both").length, 2);
  });

  it("waits longer each time that the server is away, and never over 15 minutes", async () => {
    bench.add("a");
    bench.faults = { away: true };
    let before = 0;
    for (let failures = 1; failures <= 12; failures++) {
      await bench.run();
      const { server, ...rest } = readState(bench.folder);
      assert.equal(server?.failures, failures);
      const delay = server.notBefore - Date.now();
      assert.ok(delay <= 15 * 60_000 && (failures > 3 || delay > before / 2), `${failures}: ${delay}`);
      before = delay;
      writeState(bench.folder, { ...rest, server: { ...server, notBefore: 0 } });
    }
    assert.ok(before > 7 * 60_000);
    bench.faults = {};
    bench.queue.askForRetry();
    assert.equal((await bench.run()).waiting, 0);
    assert.equal(readState(bench.folder).server, undefined);
  });

  it("waits, too, when this machine's own Nix does not answer", async () => {
    bench.add("a");
    bench.faults = { nixAway: true };
    assert.deepEqual([(await bench.run()).reason, bench.queue.rejected()], ["the daemon is away", []]);
  });

  it("leaves everything in order when it is stopped", async () => {
    bench.add(...names(30));
    const controller = new AbortController();
    const { copies } = bench;
    const push = copies.push.bind(copies);
    copies.push = (...items) => {
      if (copies.length === 1) controller.abort();
      return push(...items);
    };
    const result = await bench.run(controller.signal);
    assert.deepEqual([result.uploaded, result.waiting, result.reason], [10, 20, undefined]);
    assert.equal((await bench.run()).waiting, 0);
  });

  it("sets aside what is gone here, unless the server has it already", async () => {
    const [sent = "", lost = ""] = bench.add("sent", "lost");
    bench.onServer.add(sent);
    bench.faults = { invalid: [sent, lost] };
    const { uploaded, rejected, waiting: left } = await bench.run();
    assert.deepEqual([uploaded, rejected, left], [1, 1, 0]);
    const [name = ""] = bench.queue.rejected();
    assert.equal(bench.queue.reasonOf(name), `${lost}: is no longer in this machine's store, and not on the server`);
    assert.ok(!existsSync(join(bench.places.roots, "queue", "lost-1")));
  });

  it("leaves out by name and by size, counts both, and has no setback for them", async () => {
    bench.settings = { ...bench.settings, exclude: ["secret-*", "*.iso"] };
    bench.add("secret-x", "disk.iso", "big", "small");
    bench.known.set(pathOf("big"), { narSize: 1001 });
    const { skipped, uploaded, waiting: left } = await bench.run();
    assert.deepEqual([skipped, uploaded, left], [3, 1, 0]);
    const state = readState(bench.folder).skipped;
    assert.deepEqual([state.excluded, state.tooLarge, state.last.length], [2, 1, 3]);
  });

  it("signs what nobody trusted signed, and nothing else", async () => {
    const [plain = "", upstream = "", foreign = "", own = "", fixed = ""] = bench.add("a", "b", "c", "d", "e");
    bench.known.set(upstream, { signers: ["cache.nixos.org-1"] });
    bench.known.set(foreign, { signers: ["someone-1"], ultimate: false });
    bench.known.set(own, { signers: ["builder-1"] });
    bench.known.set(fixed, { contentAddressed: true });
    await bench.run();
    assert.deepEqual([...bench.signed].sort(), [plain, foreign].sort());
  });

  it("goes on where its own state can't be written or is no use", async () => {
    writeFileSync(join(bench.folder, "state.json"), '{"entries":{"x":{"failures":"many"}},"uploadedPaths":"all"');
    bench.add("a");
    assert.equal((await bench.run()).uploaded, 1);
    bench.add("b");
    const nowhere = join(bench.folder, "file");
    writeFileSync(nowhere, "");
    assert.equal((await bench.run(undefined, { stateFolder: join(nowhere, "x") })).waiting, 0);
    assert.match(bench.said.join("\n"), /what was done can't be written down/);
  });
});
