/** Faults at random moments, with real Nix and real ssh. SOAK=1 does each as often as it takes to be sure. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, beforeEach, describe, it } from "mocha";
import { Link } from "./upload-link.ts";
import type { Ended } from "./upload-machine.ts";
import { noPair, Pair } from "./upload-pair.ts";

const soak = process.env.SOAK === "1";
const roots = "/nix/var/nix/gcroots/nix-binary-cache";

describe("faults while builds are uploaded", function () {
  this.timeout(soak ? 3600_000 : 180_000);
  let pair: Pair;
  let link: Link;
  const queued: string[] = [];
  before(`needs two machines in namespaces (${noPair() ?? "there are"})`, async function () {
    if (noPair() !== undefined) return this.skip();
    pair = await Pair.make();
    link = new Link(pair.port);
    pair.configure({ server: { ...pair.serverSettings, port: await link.open() } });
  });
  beforeEach(() => link.mend());
  after(async () => {
    if (noPair() !== undefined) return;
    await link.close();
    await pair.remove();
  });

  function build(count: number): string[] {
    const built = pair.build(count);
    queued.push(...built);
    return built;
  }

  /** What holds at every moment: whatever was ever queued is on the server, rooted, or waits here and is valid. */
  function expectNothingLost(): void {
    const arrived = new Set(pair.arrived(queued));
    const waiting = new Set(pair.queue().waiting.flatMap(({ paths }) => paths));
    const lost = queued.filter((path) => !arrived.has(path) && !waiting.has(path));
    assert.deepEqual(lost.slice(0, 5), []);
    const left = [...waiting];
    if (left.length > 0)
      assert.equal(pair.builder.must(["nix-store", "--check-validity", "--print-invalid", ...left]), "");
  }

  /** While it runs, the link is served by this process. */
  const upload = (): Promise<Ended> => pair.startUpload().ended;

  /** What holds once the fault is over: the queue empties, everything is there, nothing is left behind or sent again. */
  async function expectRecovery(): Promise<void> {
    expectNothingLost();
    for (let time = 0; time < 5 && pair.queue().waiting.length > 0; time++) {
      pair.builder.must(["cachectl", "queue", "retry"]);
      await upload();
    }
    const { waiting, rejected } = pair.queue();
    assert.deepEqual([waiting.length, rejected], [0, []], waiting[0]?.reason);
    pair.server.must(["nix-store", "--gc"]);
    assert.deepEqual(pair.arrived(queued), queued);
    assert.deepEqual(pair.builder.list(`${roots}/queue`), []);
    // Roots of what was announced go a while after it was committed.
    const committed = new Set(pair.server.list(`${roots}/uploads/builder`));
    assert.deepEqual(
      pair.server.list(`${roots}/incoming/builder`).filter((name) => !committed.has(name)),
      [],
    );
    const { status, stdout } = await upload();
    assert.deepEqual([status, JSON.parse(stdout)], [0, { uploaded: 0, skipped: 0, rejected: 0, waiting: 0 }]);
  }

  it("the uploader killed at random moments of a queue", async () => {
    build(soak ? 200 : 40);
    pair.configure({ batchPaths: 10 });
    for (let time = 0; time < (soak ? 20 : 4); time++) {
      const uploader = pair.startUpload();
      await sleep(Math.random() * 2500);
      uploader.kill("SIGKILL");
      await uploader.ended;
      expectNothingLost();
    }
    await expectRecovery();
  });

  it("the uploader told to stop, as before sleep and shutdown: it ends soon, in order, and goes on later", async () => {
    build(soak ? 200 : 30);
    for (let time = 0; time < (soak ? 20 : 2); time++) {
      const uploader = pair.startUpload();
      await sleep(300 + Math.random() * 1500);
      uploader.kill("SIGTERM");
      const told = Date.now();
      const { status, stderr } = await uploader.ended;
      // Null is its end by the signal itself, before it had begun anything.
      assert.ok([null, 0, 75].includes(status), stderr);
      assert.ok(Date.now() - told < 20_000);
      expectNothingLost();
    }
    await expectRecovery();
  });

  it("the server gone before, during and after a copy, and the link cut in the middle of one", async () => {
    for (let round = 0; round < (soak ? 10 : 1); round++) {
      build(20);
      link.cut();
      const { status } = await upload();
      assert.equal(status, 75);
      const { blocked, waiting } = pair.queue();
      assert.ok(blocked && waiting.length === 20, JSON.stringify([blocked, waiting.length]));
      expectNothingLost();
      for (const bytes of [3000, 8000, 12_000 + Math.random() * 20_000]) {
        link.mend();
        link.cutAfter(bytes);
        pair.builder.must(["cachectl", "queue", "retry"]);
        await upload();
        expectNothingLost();
      }
      link.mend();
      await expectRecovery();
    }
  });

  it("sshd and its sessions killed while paths go over, and back", async () => {
    build(20);
    const { ended } = pair.startUpload();
    await sleep(500 + Math.random() * 1000);
    pair.stopSshd();
    await ended;
    expectNothingLost();
    await pair.startSshd();
    await expectRecovery();
  });

  it("the server rebooted while paths go over", async () => {
    build(20);
    const { ended } = pair.startUpload();
    await sleep(500 + Math.random() * 1000);
    await pair.server.kill();
    await ended;
    await pair.server.boot();
    await pair.startSshd();
    await expectRecovery();
  });

  it("the builder rebooted while paths go over", async () => {
    build(20);
    const { ended } = pair.startUpload();
    await sleep(500 + Math.random() * 1000);
    await pair.builder.kill();
    await ended;
    await pair.builder.boot();
    await expectRecovery();
  });

  it("the server's garbage collection again and again while paths go over", async () => {
    for (let round = 0; round < (soak ? 10 : 1); round++) {
      build(soak ? 200 : 30);
      const uploading = upload();
      for (let time = 0; time < 5; time++) {
        await sleep(Math.random() * 300);
        const { status, stderr } = await pair.server.start(["nix-store", "--gc"]).ended;
        assert.equal(status, 0, stderr);
      }
      await uploading;
    }
    await expectRecovery();
  });

  it("the builder's garbage collection while paths wait and go over", async () => {
    build(20);
    link.cut();
    await upload();
    pair.builder.must(["nix-store", "--gc"]);
    expectNothingLost();
    link.mend();
    pair.builder.must(["cachectl", "queue", "retry"]);
    const [uploaded] = await Promise.all([upload(), pair.builder.start(["nix-store", "--gc"]).ended]);
    assert.equal(uploaded.status, 0, uploaded.stderr);
    await expectRecovery();
  });
});
