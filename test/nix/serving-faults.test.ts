import assert from "node:assert/strict";
import { zstdDecompressSync } from "node:zlib";
import { ask, sendRaw } from "./serving-client.ts";
import { servingPair } from "./serving-pair.ts";
import { digits } from "./serving-upstream.ts";

const zstd = { "Accept-Encoding": "zstd" };

describe("nginx in front of a Harmonia that changes or fails", function () {
  this.timeout(60_000);
  const pair = servingPair();
  describe("when Harmonia drops a NAR half-way", () => {
    for (const [form, headers, sized] of [
      ["zstd, in chunks", zstd, false],
      ["identity, with its length", {}, true],
      ["identity, in chunks", {}, false],
    ] as const) {
      it(`never serves it as whole, nor keeps it (${form})`, async () => {
        const served = pair.upstream.add(1_000_000);
        pair.upstream.manner = { dropAfter: 300_000, sized };
        const kept = pair.nginx.cached().whole.length;
        const answers = await Promise.all(
          [1, 2, 3].map(() => ask(pair.nginx.url + served.nar, headers).catch(() => undefined)),
        );
        for (const answer of answers) assert.ok(answer?.whole !== true, "cut off, but looked whole");
        assert.equal(pair.nginx.cached().whole.length, kept);
        pair.upstream.manner = {};
        const { body, whole } = await ask(pair.nginx.url + served.nar, headers);
        assert.ok(whole);
        assert.deepEqual(headers === zstd ? zstdDecompressSync(body) : body, served.bytes);
        assert.deepEqual(pair.nginx.cached().parts, []);
      });
    }

    it("has nothing for a client of HTTP/1.0, who could not tell", async () => {
      const { nar } = pair.upstream.add();
      assert.match(await sendRaw(pair.nginx.port, `GET ${nar} HTTP/1.0\r\n\r\n`), /^HTTP\/1\.1 505 /);
    });
  });

  describe("once the garbage collector took a path", () => {
    it("serves its NAR no more, in any form, though it is cached", async () => {
      const served = pair.upstream.add();
      for (const headers of [zstd, {}]) assert.equal((await ask(pair.nginx.url + served.nar, headers)).status, 200);
      pair.upstream.remove(served);
      assert.equal((await ask(pair.nginx.url + served.narinfo)).status, 404);
      for (const headers of [zstd, {}, { Range: "bytes=0-1" }, { "If-None-Match": "*" }]) {
        const { status, body } = await ask(pair.nginx.url + served.nar, headers);
        assert.deepEqual([status, body.toString()], [404, "no such path\n"]);
      }
      assert.equal((await ask(pair.nginx.url + served.nar, zstd, "HEAD")).status, 404);
    });

    it("remembers no 404: a path that comes is there", async () => {
      const hash = digits(32);
      assert.equal((await ask(`${pair.nginx.url}/${hash}.narinfo`)).status, 404);
      const served = pair.upstream.add();
      pair.upstream.remove(served);
      assert.equal((await ask(pair.nginx.url + served.nar)).status, 404);
      pair.upstream.restore(served);
      assert.equal((await ask(pair.nginx.url + served.nar)).status, 200);
    });
  });
});
