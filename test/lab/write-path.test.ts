/**
 * Faults on the write path, on the lab's machines: Nix itself calls the hook, launchd's stand-in starts the uploader, ssh
 * crosses the tailnet, and the desktop sees what nginx serves. SOAK=1 does each as often as it takes to be sure. What is
 * odd rather than broken is in write-path-odd.test.ts; more faults, with a builder and a server alone, are in
 * test/cachectl/upload-faults.test.ts.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { adoptVars, varsOf } from "./job/clients.ts";
import { untilSubstitutable, untilUploaded, narinfoUrl } from "./job/main-job.ts";
import { build, newPackage } from "./job/package.ts";
import { mustSucceed } from "./job/told.ts";
import { Uploads } from "./job/uploads.ts";
import { release, testWorld, type TestWorld } from "./world/test-world.ts";
import { pulumi } from "./world/world.ts";

const soak = process.env.SOAK === "1";
const MINUTE = 60_000;

describe("the write path's faults, in the lab", function () {
  this.timeout((soak ? 60 : 5) * MINUTE);
  let world: TestWorld;
  let uploads: Uploads;
  let url = "";

  before("raise a lab, and bring the stack up", async () => {
    world = await testWorld();
    const up = mustSucceed(await pulumi(world, "up"));
    await adoptVars(world, up);
    ({ url } = varsOf(up).cache);
    uploads = new Uploads(world, url);
  });
  after("leave nothing behind", () => release(world));
  beforeEach(() => world.machines.server.restore());

  it("a build is substitutable on another machine within seconds", async () => {
    const times: number[] = [];
    for (let time = 0; time < (soak ? 20 : 5); time++) {
      const { path } = await build(world.machines.macbook, newPackage(`quick-${time}`));
      times.push(await untilSubstitutable(world.machines.desktop, narinfoUrl(url, path)));
      uploads.expect([path]);
      await untilUploaded(world.machines.macbook);
    }
    console.log(`      seconds from a build's end: ${times.join(", ")}`);
    await uploads.arrive();
  });

  it("the uploader killed at random moments of a queue", async () => {
    const { macbook } = world.machines;
    await uploads.build(soak ? 200 : 40);
    for (let time = 0; time < (soak ? 20 : 4); time++) {
      await sleep(Math.random() * 2000);
      await macbook.run(["sh", "-c", "pkill -9 -f '[c]achectl/main.ts upload'"]);
      await uploads.retry();
    }
    await uploads.arrive();
  });

  it("the link cut in the middle of a copy, and back", async () => {
    await uploads.build(40);
    await sleep(Math.random() * 2000);
    await world.machines.server.cut();
    await uploads.build(5);
    await sleep(soak ? 30_000 : 5000);
    await world.machines.server.restore();
    await uploads.arrive();
  });

  it("the server gone while builds go on: no build fails, and no slower than with it", async () => {
    const { server } = world.machines;
    await server.halt();
    const seconds = await uploads.build(20);
    await server.start();
    await uploads.arrive();
    console.log(`      20 builds without the server: ${seconds} s`);
  });

  for (const name of ["server", "macbook"] as const) {
    it(`the ${name} rebooted while paths go over`, async () => {
      for (let time = 0; time < (soak ? 10 : 1); time++) {
        await uploads.build(30);
        await sleep(Math.random() * 2000);
        await world.machines[name].reboot();
        await uploads.arrive();
      }
    });
  }

  it("the server's garbage collection at random moments of uploads", async () => {
    let collections = 0;
    while (collections < (soak ? 50 : 5)) {
      await uploads.build(20);
      for (let time = 0; time < 5; time++, collections++) {
        await sleep(Math.random() * 500);
        await world.machines.server.must(["nix-store", "--gc"], { timeoutSeconds: 120 });
      }
      await uploads.arrive();
    }
  });

  it("the Mac's garbage collection while paths wait", async () => {
    await world.machines.server.cut();
    await uploads.build(10);
    await world.machines.macbook.must(["nix-store", "--gc"]);
    await world.machines.server.restore();
    await uploads.arrive();
  });

  // The last: the root by which the uploader would find the build later on its own stays for a while.
  it("the queue's disk full: no build fails, and what was not queued is found afterwards", async () => {
    const { macbook, desktop } = world.machines;
    const queue = "/var/lib/nix-binary-cache/queue";
    await untilUploaded(macbook);
    await macbook.must(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=1", "tmpfs", queue]);
    let path: string;
    try {
      ({ path } = await build(macbook, newPackage("unqueued")));
    } finally {
      await macbook.must(["umount", queue]);
    }
    await macbook.must(["/usr/local/lib/nix-binary-cache/cachectl/cachectl", "reconcile"]);
    await untilSubstitutable(desktop, narinfoUrl(url, path));
  });
});
