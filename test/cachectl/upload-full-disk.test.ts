/** Full disks at either end, with real Nix and real ssh. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { noPair, Pair } from "./upload-pair.ts";

describe("full disks while builds are uploaded", function () {
  this.timeout(180_000);
  let pair: Pair;
  before(`needs two machines in namespaces (${noPair() ?? "there are"})`, async function () {
    if (noPair() !== undefined) this.skip();
    else pair = await Pair.make();
  });
  after(async () => {
    if (noPair() === undefined) await pair.remove();
  });

  it("the server's: what has room arrives, the rest waits, and goes once there is room", () => {
    // 50 KiB a path and more, and room for about ten of them.
    pair.server.must(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", "/nix/store"]);
    // The daemon has a mount namespace of its own.
    pair.server.must(["systemctl", "restart", "nix-daemon.service"]);
    pair.server.write("/var/lib/nix-binary-cache/config.json", '{"limits":{"minFreeBytes":1}}');
    const built = pair.build(20, 25_000);
    assert.equal(pair.upload().status, 75);
    const { waiting, rejected } = pair.queue();
    assert.ok(waiting.length > 0 && waiting.length < 20, `${waiting.length} wait`);
    assert.deepEqual(rejected, []);
    const here = new Set(waiting.flatMap(({ paths }) => paths));
    assert.deepEqual([...pair.arrived(built), ...here].sort(), [...built].sort());
    pair.server.must(["mount", "-o", "remount,size=64m", "/nix/store"]);
    pair.builder.must(["cachectl", "queue", "retry"]);
    assert.equal(pair.upload().status, 0);
    assert.deepEqual(pair.arrived(built), built);
  });
});
