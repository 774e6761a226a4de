import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { zstdDecompressSync } from "node:zlib";
import { ask } from "./serving-client.ts";
import { servingPair } from "./serving-pair.ts";

const zstd = { "Accept-Encoding": "zstd" };

describe("nginx in front of a Harmonia that restarts", function () {
  this.timeout(60_000);
  const pair = servingPair();

  it("has readers wait for it, instead of sending them off", async () => {
    const [cached, fresh] = [pair.upstream.add(), pair.upstream.add()];
    await ask(pair.nginx.url + cached.nar, zstd);
    await pair.upstream.stop();
    const places = ["/nix-cache-info", cached.narinfo, fresh.narinfo, cached.nar, fresh.nar];
    const asked = places.map((place) => ask(pair.nginx.url + place, zstd));
    const head = ask(pair.nginx.url + fresh.narinfo, {}, "HEAD");
    await sleep(1500);
    await pair.upstream.listen();
    const answers = await Promise.all(asked);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 200, 200],
    );
    const bodies = answers.slice(3).map(({ body }) => zstdDecompressSync(body));
    assert.deepEqual(bodies, [cached.bytes, fresh.bytes]);
    assert.equal((await head).status, 200);
    assert.deepEqual([pair.upstream.fills(cached), pair.upstream.fills(fresh)], [1, 1]);
  });

  it("loses the NAR that is under way, as one that was cut off, and has it whole for the next reader", async () => {
    const served = pair.upstream.add(2_000_000);
    pair.upstream.manner = { pause: 5000 };
    const cut = ask(pair.nginx.url + served.nar, zstd);
    await sleep(500);
    await pair.upstream.stop();
    assert.equal((await cut).whole, false);
    await pair.upstream.listen();
    pair.upstream.manner = {};
    assert.deepEqual(zstdDecompressSync((await ask(pair.nginx.url + served.nar, zstd)).body), served.bytes);
  });

  it("says within five seconds that it is away, and serves again as soon as it is there", async () => {
    const { narinfo, nar } = pair.upstream.add();
    await ask(pair.nginx.url + nar);
    await pair.upstream.stop();
    const since = performance.now();
    const answers = await Promise.all([narinfo, nar].map((place) => ask(pair.nginx.url + place)));
    assert.ok(performance.now() - since < 5000);
    for (const { status, body } of answers) assert.deepEqual([status, body.toString()], [503, "the store is away\n"]);
    await pair.upstream.listen();
    for (const place of [narinfo, nar]) assert.equal((await ask(pair.nginx.url + place)).status, 200);
  });
});
