import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask, until } from "./serving-client.ts";
import { Nginx } from "./serving-nginx.ts";
import { haveTools } from "./serving-tools.ts";
import { Upstream } from "./serving-upstream.ts";

const mebibyte = 1024 ** 2;

describe("nginx with a cache on a disk of eight megabytes", function () {
  this.timeout(60_000);
  const upstream = new Upstream();
  let disk = "";
  let nginx: Nginx;

  before(async function () {
    this.timeout(400_000);
    if (process.getuid?.() !== 0 || !haveTools()) {
      console.warn("      not run: needs nginx, and root to mount a small file system");
      return this.skip();
    }
    disk = mkdtempSync(join(tmpdir(), "serving-disk-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", disk]);
    await upstream.listen();
  });
  beforeEach(async () => {
    upstream.asked.length = 0;
    nginx = await Nginx.start(upstream.address, { cacheDirectory: join(disk, "cache"), cacheMinFree: "3m" });
  });
  afterEach(async () => {
    await nginx.stop();
    rmSync(join(disk, "cache"), { recursive: true, force: true });
    rmSync(join(disk, "hog"), { force: true });
  });
  after(async () => {
    await upstream.stop();
    if (disk === "") return;
    execFileSync("umount", [disk]);
    rmSync(disk, { recursive: true });
  });

  it("drops what was least recently read to keep its room free", async () => {
    const all = Array.from({ length: 6 }, () => upstream.add(mebibyte));
    for (const { nar } of all) assert.ok((await ask(nginx.url + nar)).whole);
    const [first, , , , , last] = all;
    assert.ok(first !== undefined && last !== undefined);
    // The cache's manager looks every ten seconds.
    await until(() => nginx.cached().whole.length < 6);
    assert.ok(nginx.cached().whole.length >= 4, "keeps what there is room for");
    for (const served of [first, last]) assert.ok((await ask(nginx.url + served.nar)).whole);
    assert.deepEqual([upstream.fills(first), upstream.fills(last)], [2, 1]);
  });

  it("serves everything from Harmonia when others have filled the disk, and caches again when there is room", async () => {
    const [cached, small, large] = [upstream.add(1000), upstream.add(1000), upstream.add(8 * mebibyte)];
    assert.ok((await ask(nginx.url + cached.nar)).whole);
    fill(join(disk, "hog"));
    for (const served of [cached, small, large]) {
      for (const turn of [1, 2]) {
        const { status, whole, body } = await ask(nginx.url + served.nar);
        assert.ok(status === 200 && whole && body.equals(served.bytes), `turn ${turn}: status ${status}`);
      }
    }
    assert.match(nginx.errors(), /No space left on device/);
    rmSync(join(disk, "hog"));
    const before = upstream.fills(small);
    for (const turn of [1, 2, 3]) assert.ok((await ask(nginx.url + small.nar)).whole, `turn ${turn}`);
    assert.equal(upstream.fills(small), before + 1);
  });

  it("cuts a NAR off, and says so, when the disk fills under it: never half a NAR as a whole one", async () => {
    const large = upstream.add(12 * mebibyte);
    const { whole } = await ask(nginx.url + large.nar);
    assert.equal(whole, false);
    assert.deepEqual(nginx.cached().whole, []);
    await until(() => nginx.cached().parts.length === 0);
  });
});

function fill(file: string): void {
  try {
    writeFileSync(file, Buffer.alloc(64 * mebibyte));
  } catch (error) {
    assert.match(String(error), /ENOSPC/);
  }
}
