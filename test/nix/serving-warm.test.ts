import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { zstdDecompressSync } from "node:zlib";
import { ask } from "./serving-client.ts";
import { servingPair } from "./serving-pair.ts";

const cachectl = join(import.meta.dirname, "..", "..", "nix", "cachectl", "main.ts");
const zstd = { "Accept-Encoding": "zstd" };

describe("cachectl warm, with the real nginx", function () {
  this.timeout(60_000);
  const pair = servingPair();

  /** Runs the program with a `warm` section of the configuration; resolves with what it wrote, whatever its status. */
  async function warm(section: object, paths: readonly string[]): Promise<{ status: number; told: unknown }> {
    const { folder, url } = pair.nginx;
    writeFileSync(join(folder, "config.json"), JSON.stringify({ warm: { url, ...section } }));
    const env = { ...process.env, NIX_BINARY_CACHE_STATE: folder };
    const argv = [cachectl, "warm", ...paths, "--json"];
    const { stdout, code } = await promisify(execFile)(process.execPath, argv, { env, timeout: 30_000 }).then(
      (done) => ({ ...done, code: 0 }),
      (error: unknown) => error as { stdout: string; code: number },
    );
    return { status: code, told: JSON.parse(stdout) };
  }

  it("makes the first reader the second", async () => {
    const all = Array.from({ length: 5 }, () => pair.upstream.add(300_000));
    const { status, told } = await warm(
      {},
      all.map(({ path }) => path),
    );
    const { warmed, skipped } = told as { warmed: number; skipped: unknown[] };
    assert.deepEqual([status, warmed, skipped], [0, 5, []]);
    await pair.nginx.settled();
    for (const served of all) {
      const { headers, body } = await ask(pair.nginx.url + served.nar, { "Accept-Encoding": "gzip, br, zstd" });
      assert.equal(headers["x-cache"], "HIT");
      assert.deepEqual(zstdDecompressSync(body), served.bytes);
      assert.equal(pair.upstream.fills(served), 1);
    }
  });

  it("says what it left out once its bytes are used up, and that is not in the cache", async () => {
    const all = Array.from({ length: 6 }, () => pair.upstream.add(400_000));
    const paths = all.map(({ path }) => path);
    const { status, told } = await warm({ maxBytes: 300_000, concurrency: 1 }, paths);
    const { skipped } = told as { skipped: { path: string; reason: string }[] };
    assert.equal(status, 1);
    assert.ok(skipped.length > 0 && skipped.length < 6, JSON.stringify(told));
    const left = all.find(({ path }) => path === skipped.at(-1)?.path) ?? assert.fail();
    assert.equal(pair.upstream.fills(left), 0);
  });

  it("names a NAR that came cut off, and a path that is not there", async () => {
    const [cut, gone] = [pair.upstream.add(900_000), pair.upstream.add()];
    pair.upstream.remove(gone);
    pair.upstream.manner = { dropAfter: 200_000 };
    const { status, told } = await warm({}, [cut.path, gone.path]);
    const { warmed, skipped } = told as { warmed: number; skipped: { path: string; reason: string }[] };
    assert.deepEqual([status, warmed], [1, 0]);
    assert.deepEqual(skipped.map(({ path }) => path).sort(), [cut.path, gone.path].sort());
    assert.match(skipped.find(({ path }) => path === gone.path)?.reason ?? "", /status 404/);
  });

  it("fetches at the same time as a reader without a second fetch from Harmonia", async () => {
    const served = pair.upstream.add(1_000_000);
    pair.upstream.manner = { pause: 1000 };
    const [answer, { status }] = await Promise.all([ask(pair.nginx.url + served.nar, zstd), warm({}, [served.path])]);
    assert.deepEqual([answer.whole, status, pair.upstream.fills(served)], [true, 0, 1]);
  });
});
