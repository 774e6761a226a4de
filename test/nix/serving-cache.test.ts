import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { zstdDecompressSync } from "node:zlib";
import { ask } from "./serving-client.ts";
import { servingPair } from "./serving-pair.ts";

const zstd = { "Accept-Encoding": "zstd" };

describe("nginx keeps NARs", function () {
  this.timeout(60_000);
  const pair = servingPair();
  describe("keeps one NAR in two forms", () => {
    for (const [sent, form] of [
      ["zstd", "zstd"],
      ["deflate, gzip, br, zstd", "zstd"],
      ["gzip,zstd;q=0.5", "zstd"],
      ["ZSTD", "zstd"],
      ["zstd;q=0", "identity"],
      ["gzip, zstd ; q=0.000, br", "identity"],
      ["gzip, br", "identity"],
      ["x-zstd, zstdx", "identity"],
      ["", "identity"],
      [undefined, "identity"],
    ] as const) {
      it(`takes Accept-Encoding ${JSON.stringify(sent)} as ${form}`, async () => {
        const { nar, bytes } = pair.upstream.add();
        const answer = await ask(pair.nginx.url + nar, sent === undefined ? {} : { "Accept-Encoding": sent });
        assert.equal(answer.headers["content-encoding"], form === "zstd" ? "zstd" : undefined);
        assert.deepEqual(form === "zstd" ? zstdDecompressSync(answer.body) : answer.body, bytes);
        assert.deepEqual(
          pair.upstream.asked.filter(({ url }) => url === nar).map(({ encoding }) => encoding),
          [form],
        );
      });
    }

    it("asks Harmonia once for each form, whatever else differs between clients", async () => {
      const served = pair.upstream.add();
      const clients = [
        { "Accept-Encoding": "zstd", "User-Agent": "curl/8 Nix/2.31" },
        { "Accept-Encoding": "gzip, zstd, br", Accept: "*/*", Cookie: "a=b" },
        { "Accept-Encoding": "zstd", Host: "server.tail.ts.net:5000", "Cache-Control": "no-cache", Pragma: "no-cache" },
        { "Accept-Encoding": "br" },
        { "Accept-Language": "de", Authorization: "Basic eDp5" },
      ];
      const answers = [];
      for (const headers of clients) {
        answers.push(await ask(pair.nginx.url + served.nar, headers));
        await pair.nginx.settled();
      }
      answers.push(await ask(`${pair.nginx.url}${served.nar}&client=1`, zstd));
      answers.push(await ask(`${pair.nginx.url}${served.nar.replace("?", "?client=2&")}`, zstd));
      assert.deepEqual(
        answers.map(({ headers }) => headers["x-cache"]),
        ["MISS", "HIT", "HIT", "MISS", "HIT", "HIT", "HIT"],
      );
      assert.equal(pair.upstream.fills(served), 2);
    });

    it("asks Harmonia over HTTP/1.1, and never for a part", async () => {
      const served = pair.upstream.add();
      const part = await ask(pair.nginx.url + served.nar, { Range: "bytes=10-19" });
      assert.deepEqual([part.status, part.body.toString()], [206, served.bytes.subarray(10, 20).toString()]);
      assert.deepEqual((await ask(pair.nginx.url + served.nar)).body, served.bytes);
      assert.deepEqual(
        [pair.upstream.fills(served), pair.upstream.asked.find(({ url }) => url === served.nar)?.http],
        [1, "1.1"],
      );
    });
  });

  it("fills once for 50 simultaneous readers, all of whom get the whole", async () => {
    const served = pair.upstream.add(2_000_000);
    pair.upstream.manner = { pause: 1500 };
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(pair.nginx.url + served.nar, zstd)));
    assert.ok(answers.every(({ whole, body }) => whole && zstdDecompressSync(body).equals(served.bytes)));
    assert.equal(pair.upstream.fills(served), 1);
  });

  it("goes on with a fill whose reader went away", async () => {
    const served = pair.upstream.add(2_000_000);
    pair.upstream.manner = { pause: 500 };
    const gone = fetch(pair.nginx.url + served.nar, { signal: AbortSignal.timeout(200), headers: zstd }).then((got) =>
      got.arrayBuffer(),
    );
    await assert.rejects(gone);
    assert.deepEqual(zstdDecompressSync((await ask(pair.nginx.url + served.nar, zstd)).body), served.bytes);
    assert.equal(pair.upstream.fills(served), 1);
  });

  it("answers HEAD with the headers of GET and no body, and keeps the whole NAR by it", async () => {
    const served = pair.upstream.add();
    for (const place of ["/nix-cache-info", served.narinfo, served.nar, served.nar]) {
      const head = await ask(pair.nginx.url + place, zstd, "HEAD");
      assert.deepEqual([head.status, head.body.length, head.whole], [200, 0, true], place);
    }
    assert.deepEqual(zstdDecompressSync((await ask(pair.nginx.url + served.nar, zstd)).body), served.bytes);
    assert.equal(pair.upstream.fills(served), 1);
    const { length } = pair.upstream.asked.filter(({ method, url }) => method !== "GET" && url !== served.narinfo);
    assert.equal(length, 0, "Harmonia before 3.1 has no HEAD: only the check asks so, and asks again");
  });

  it("looks whether a path is still there over connections that stay", async () => {
    const served = pair.upstream.add();
    await ask(pair.nginx.url + served.nar, zstd);
    const before = pair.upstream.connections;
    for (let read = 0; read < 20; read++) assert.equal((await ask(pair.nginx.url + served.nar, zstd)).status, 200);
    // nginx's workers have some each.
    const made = pair.upstream.connections - before;
    assert.ok(made <= 4, `${made} for 20 reads`);
  });

  it("finds, and misses, paths in a Harmonia that has no HEAD", async () => {
    const served = pair.upstream.add();
    pair.upstream.manner = { noHead: true };
    const status = async (): Promise<number> => (await ask(pair.nginx.url + served.nar, zstd)).status;
    assert.deepEqual([await status(), await status()], [200, 200]);
    pair.upstream.remove(served);
    assert.equal(await status(), 404);
  });

  it("keeps a NAR whatever Harmonia says of keeping it: it never changes", async () => {
    const served = pair.upstream.add();
    pair.upstream.manner = { cacheControl: "no-store" };
    for (const expected of ["MISS", "HIT"]) {
      assert.equal((await ask(pair.nginx.url + served.nar)).headers["x-cache"], expected);
      await pair.nginx.settled();
    }
  });

  it("answers conditional requests from the cache, and with the whole where Harmonia gives nothing to compare", async () => {
    const [plain, tagged] = [pair.upstream.add(), pair.upstream.add()];
    pair.upstream.manner = { etag: '"one"' };
    await ask(pair.nginx.url + tagged.nar);
    assert.equal((await ask(pair.nginx.url + tagged.nar, { "If-None-Match": '"one"' })).status, 304);
    assert.deepEqual((await ask(pair.nginx.url + tagged.nar, { "If-None-Match": '"two"' })).body, tagged.bytes);
    pair.upstream.manner = {};
    const asked = { "If-None-Match": '"one"', "If-Modified-Since": new Date().toUTCString() };
    for (const turn of [1, 2]) {
      const { status, body } = await ask(pair.nginx.url + plain.nar, asked);
      assert.ok(status === 200 && body.equals(plain.bytes), `turn ${turn}: status ${status}`);
    }
    assert.equal((await ask(pair.nginx.url + plain.nar, { "If-Match": '"two"' })).status, 412);
    assert.deepEqual([pair.upstream.fills(plain), pair.upstream.fills(tagged)], [1, 1]);
  });

  it("keeps no NAR's end back from a client that reads on one connection, as Nix does through curl", async () => {
    const nars = Array.from({ length: 32 }, () => pair.upstream.add(105_000)).map(({ nar }) => pair.nginx.url + nar);
    for (const nar of nars) await ask(nar);
    const argv = [
      "--silent",
      "--write-out",
      "%{time_total} ",
      ...nars.flatMap((nar) => ["--output", "/dev/null", nar]),
    ];
    const { stdout } = await promisify(execFile)("curl", argv, { timeout: 30_000 });
    const seconds = stdout
      .trim()
      .split(" ")
      .map(Number)
      .slice(-20)
      .sort((a, b) => a - b);
    assert.equal(seconds.length, 20);
    // A delayed acknowledgement takes 40 ms, and then met nearly every one of them.
    assert.ok((seconds[8] ?? 1) < 0.03, stdout);
  });

  it("serves 200 clients at once", async () => {
    const all = Array.from({ length: 20 }, () => pair.upstream.add(200_000));
    const clients = Array.from({ length: 200 }, async (_, client) => {
      for (let turn = 0; turn < 3; turn++) {
        const served = all[(client + turn) % all.length] ?? assert.fail();
        assert.equal((await ask(pair.nginx.url + served.narinfo)).status, 200);
        const { whole, body } = await ask(pair.nginx.url + served.nar, zstd);
        assert.ok(whole && zstdDecompressSync(body).equals(served.bytes));
      }
    });
    await Promise.all(clients);
    assert.deepEqual(
      all.map((served) => pair.upstream.fills(served)),
      all.map(() => 1),
    );
    assert.doesNotMatch(pair.nginx.errors(), /worker_connections are not enough/);
  });
});
