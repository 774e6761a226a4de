import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ask, until } from "./serving-client.ts";
import { Nginx } from "./serving-nginx.ts";
import { haveTools } from "./serving-tools.ts";
import { Upstream } from "./serving-upstream.ts";

const script = join(import.meta.dirname, "../../nix/modules/server/nginx-cache.sh");

describe("nginx that ends in the middle of its work", function () {
  this.timeout(60_000);
  const upstream = new Upstream();
  const folder = mkdtempSync(join(tmpdir(), "serving-restart-"));
  const settings = { cacheDirectory: join(folder, "cache"), fillTimeout: 3 };
  const begun: Nginx[] = [];

  async function start(): Promise<Nginx> {
    const nginx = await Nginx.start(upstream.address, settings);
    begun.push(nginx);
    return nginx;
  }

  before(async function () {
    this.timeout(400_000);
    if (!haveTools()) this.skip();
    await upstream.listen();
  });
  beforeEach(() => {
    upstream.asked.length = 0;
    upstream.manner = {};
  });
  afterEach(async () => {
    for (const nginx of begun.splice(0)) await nginx.stop();
  });
  after(async () => {
    await upstream.stop();
    rmSync(folder, { recursive: true });
  });

  it("has after a restart what it had before", async () => {
    const served = upstream.add();
    const first = await start();
    assert.ok((await ask(first.url + served.nar)).whole);
    await first.settled();
    await first.stop();
    const { headers, body } = await ask((await start()).url + served.nar);
    assert.deepEqual([headers["x-cache"], upstream.fills(served)], ["HIT", 1]);
    assert.deepEqual(body, served.bytes);
  });

  it("fetches anew, after a power cut, what it was fetching", async () => {
    const served = upstream.add(2_000_000);
    upstream.manner = { pause: 20_000 };
    const first = await start();
    const cut = ask(first.url + served.nar);
    await sleep(500);
    await first.stop("kill");
    assert.equal((await cut).whole, false);
    upstream.manner = {};
    const second = await start();
    for (const cached of [undefined, "HIT"]) {
      const { headers, body } = await ask(second.url + served.nar);
      assert.ok(body.equals(served.bytes));
      if (cached !== undefined) assert.equal(headers["x-cache"], cached);
      await until(() => second.cached().whole.length > 0);
    }
  });

  /** What the server's unit calls once a boot, around nginx. */
  function atBoot(verb: "open" | "close"): void {
    const env = { ...process.env, STATE_DIRECTORY: folder };
    execFileSync("/bin/sh", [script, verb, settings.cacheDirectory], { env, timeout: 20_000 });
  }

  it("serves nothing, after a power cut, that never reached the disk whole; after an orderly end, all", async () => {
    atBoot("open");
    const served = upstream.add();
    const first = await start();
    assert.ok((await ask(first.url + served.nar)).whole);
    await first.settled();
    const { cache } = first;
    const [copy = ""] = first.cached().whole;
    await first.stop("kill");
    // What ext4 and others leave of a file that was renamed and never waited for.
    truncateSync(join(cache, copy), 5000);
    atBoot("open");
    const second = await start();
    assert.deepEqual((await ask(second.url + served.nar)).body, served.bytes);
    await second.settled();
    await second.stop();
    atBoot("close");
    atBoot("open");
    const third = await start();
    const { headers, body } = await ask(third.url + served.nar);
    assert.deepEqual([headers["x-cache"], upstream.fills(served)], ["HIT", 2]);
    assert.deepEqual(body, served.bytes);
    // The mark counts for one boot.
    await third.stop("kill");
    atBoot("open");
    assert.deepEqual(readdirSync(cache), []);
  });

  it("lets no reader wait for a worker that died longer than for one that works", async () => {
    const served = upstream.add(2_000_000);
    upstream.manner = { pause: 20_000 };
    const nginx = await start();
    const cut = ask(nginx.url + served.nar).catch(() => undefined);
    await sleep(500);
    for (const pid of nginx.pids().slice(1)) process.kill(pid, "SIGKILL");
    assert.notEqual((await cut)?.whole, true);
    upstream.manner = {};
    await sleep(500);
    const since = performance.now();
    assert.ok((await ask(nginx.url + served.nar)).body.equals(served.bytes));
    assert.ok(performance.now() - since < 6000, "waits for the three seconds of fillTimeout");
    await until(() => nginx.cached().whole.length > 0);
    assert.equal((await ask(nginx.url + served.nar)).headers["x-cache"], "HIT");
  });

  it("has no reader wait longer than fillTimeout for a fetch, however many take longer", async () => {
    const served = upstream.add(1_000_000);
    upstream.manner = { pause: 7000 };
    const nginx = await start();
    const slow = ask(nginx.url + served.nar);
    await sleep(300);
    const others = [1, 2, 3].map(() => ask(nginx.url + served.nar));
    await sleep(5000);
    assert.equal(upstream.fills(served), 4);
    for (const { body } of await Promise.all([slow, ...others])) assert.ok(body.equals(served.bytes));
  });
});
