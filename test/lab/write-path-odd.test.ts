/**
 * What is odd on the write path, on the lab's machines: a path that can't be sent, two uploaders, entries of nobody's, a
 * wrong clock, a full disk. The machines share the kernel's clock; one that is off comes from libfaketime, in each program.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { adoptVars, varsOf } from "./job/clients.ts";
import { untilUploaded } from "./job/main-job.ts";
import { mustSucceed } from "./job/told.ts";
import { type Queue, Uploads } from "./job/uploads.ts";
import type { Machine } from "./machines/machine.ts";
import { release, testWorld, type TestWorld } from "./world/test-world.ts";
import { pulumi } from "./world/world.ts";

const MINUTE = 60_000;
const YEAR_SECONDS = 365 * 24 * 3600;
const CONFIG = "/var/lib/nix-binary-cache/config.json";
const QUEUE = "/var/lib/nix-binary-cache/queue";

/** Has every program that is started from now on live by a clock of its own (libfaketime); undefined: by the kernel's. */
async function setClock(machine: Machine, offset: string | undefined): Promise<void> {
  if (offset === undefined) await machine.must(["rm", "-f", "/etc/ld.so.preload", "/etc/faketimerc"]);
  else {
    const { stdout } = await machine.must(["sh", "-c", "ls /usr/lib/*/faketime/libfaketime.so.1"]);
    await machine.writeFile("/etc/faketimerc", `${offset}\n`, 0o644);
    await machine.writeFile("/etc/ld.so.preload", stdout, 0o644);
  }
  await machine.reboot();
}

const clockOf = async (machine: Machine): Promise<number> => Number((await machine.must(["date", "+%s"])).stdout);

/** The queue once it has not become shorter for five seconds. */
async function settled(uploads: Uploads): Promise<Queue> {
  let last = Infinity;
  for (;;) {
    const queue = await uploads.queue();
    if (queue.waiting.length === last) return queue;
    last = queue.waiting.length;
    await sleep(5000);
  }
}

describe("the write path's odds, in the lab", function () {
  this.timeout(5 * MINUTE);
  let world: TestWorld;
  let uploads: Uploads;

  before("raise a lab, and bring the stack up", async () => {
    world = await testWorld();
    const up = mustSucceed(await pulumi(world, "up"));
    await adoptVars(world, up);
    uploads = new Uploads(world, varsOf(up).cache.url);
  });
  after("leave nothing behind", () => release(world));

  it("one path among a hundred that can't be sent: the rest goes, and it goes once it can", async () => {
    const { macbook, server } = world.machines;
    await server.cut();
    await uploads.build(100);
    const bad = uploads.built.at(-40) ?? "";
    const contents = await macbook.readFile(bad);
    // No longer what Nix knows it by: Nix refuses to send it.
    await macbook.writeFile(bad, "spoilt", 0o444);
    await server.restore();
    await uploads.retry();
    const { waiting } = await uploads.untilWaiting(1);
    assert.deepEqual(waiting[0]?.paths, [bad]);
    assert.deepEqual(await uploads.missing(), [bad]);
    await macbook.writeFile(bad, contents, 0o444);
    await uploads.arrive();
  });

  it("two uploaders at once: one works, the other says so, and nothing goes twice", async () => {
    const { macbook, server } = world.machines;
    await server.cut();
    await uploads.build(40);
    const before = (await uploads.queue()).uploadedPaths;
    await server.restore();
    const upload = ["sh", "-c", "for one in 1 2 3; do cachectl upload 2>&1 & done; wait"];
    await macbook.must(["cachectl", "queue", "retry"]);
    const { stdout } = await macbook.must(upload, { timeoutSeconds: 120 });
    assert.match(stdout, /another uploader is at work/);
    await uploads.arrive();
    assert.equal((await uploads.queue()).uploadedPaths - before, 40);
  });

  it("entries cut off, of another program and of an attacker: set aside with a reason, and all else goes", async () => {
    const { macbook, server } = world.machines;
    await server.cut();
    await uploads.build(5);
    const odd: Readonly<Record<string, string>> = {
      "cut-off": "nix-binary-cache 1\nout /nix/sto",
      foreign: '{"paths":["/nix/store/x"]}\n',
      outside: "nix-binary-cache 1\nout /etc/shadow\nend\n",
      "way-out": "nix-binary-cache 1\nout /nix/store/00000000000000000000000000000000-x/../../../etc/shadow\nend\n",
      option: "nix-binary-cache 1\nout --help\nend\n",
    };
    for (const [name, text] of Object.entries(odd)) {
      // Whole from its first moment on: the uploader may look at any.
      await macbook.writeFile("/var/lib/nix-binary-cache/odd", text, 0o644);
      await macbook.must(["mv", "/var/lib/nix-binary-cache/odd", `${QUEUE}/new/${name}`]);
    }
    await macbook.must(["ln", "-s", "/etc/shadow", `${QUEUE}/new/link`]);
    await macbook.must(["mkfifo", `${QUEUE}/new/pipe`]);
    await server.restore();
    await uploads.retry();
    const { rejected } = await uploads.untilWaiting(0);
    const names = rejected.map(({ name }) => name.replace(/^\d+\./, "")).sort();
    assert.deepEqual(names, [...Object.keys(odd), "link", "pipe"].sort());
    assert.ok(rejected.every(({ reason }) => reason !== ""));
    await macbook.must(["sh", "-c", `rm -f ${QUEUE}/rejected/*`]);
    await uploads.arrive();
  });

  // To each other, the server's clock is then a year off as well.
  for (const [offset, years] of [
    ["+1y", 1],
    ["-1y", -1],
  ] as const) {
    it(`the Mac's clock at ${offset}: what is built meanwhile arrives, and so does what is built after`, async () => {
      const { macbook, desktop } = world.machines;
      await setClock(macbook, offset);
      const difference = ((await clockOf(macbook)) - (await clockOf(desktop))) / YEAR_SECONDS;
      assert.ok(Math.abs(difference - years) < 0.01, `${difference} years`);
      await uploads.build(5);
      await uploads.arrive();
      await world.machines.server.cut();
      await uploads.build(5);
      await setClock(macbook, undefined);
      await world.machines.server.restore();
      await uploads.build(2);
      await uploads.arrive();
    });
  }

  // The last: the server's store lies on the small disk from here on.
  it("the server's disk full: no build fails, what has room arrives, the rest waits, and goes once there is room", async () => {
    const { server } = world.machines;
    await untilUploaded(world.machines.macbook);
    const small = "mkdir -p /small && mount -t tmpfs -o size=$1 tmpfs /small && mkdir /small/upper /small/work";
    const over = "mount -t overlay overlay -o lowerdir=/nix/store,upperdir=/small/upper,workdir=/small/work /nix/store";
    await server.must(["sh", "-c", `${small} && ${over} && systemctl restart nix-daemon`, "sh", "256k"]);
    // The receiver keeps some room free: let it fill the disk to the last byte.
    const config = JSON.parse(await server.readFile(CONFIG)) as object;
    await server.writeFile(CONFIG, JSON.stringify({ ...config, limits: { minFreeBytes: 1 } }), 0o644);
    await uploads.build(60, 16);
    const { waiting, rejected } = await settled(uploads);
    assert.deepEqual(rejected, []);
    assert.ok(waiting.length > 0 && waiting.length < 60, `${waiting.length} of 60 wait`);
    assert.match(waiting[0]?.reason ?? "", /disk is full/);
    await uploads.nothingLost();
    await server.must(["mount", "-o", "remount,size=64m", "/small"]);
    await uploads.arrive();
  });
});
