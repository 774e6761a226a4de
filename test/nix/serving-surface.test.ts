import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { ask, sendRaw } from "./serving-client.ts";
import { Nginx } from "./serving-nginx.ts";
import { servingPair } from "./serving-pair.ts";
import { freePort } from "./serving-tools.ts";

describe("of Harmonia, nginx has only what a cache has", function () {
  this.timeout(60_000);
  const pair = servingPair();
  it("answers nix-cache-info and narinfos from Harmonia, every time", async () => {
    const { narinfo, path } = pair.upstream.add();
    const info = await ask(`${pair.nginx.url}/nix-cache-info`);
    assert.match(info.body.toString(), /^StoreDir: \/nix\/store\nWantMassQuery: 1\nPriority: 50\n$/);
    for (const expected of [path, path])
      assert.match((await ask(pair.nginx.url + narinfo)).body.toString(), new RegExp(`^StorePath: ${expected}\n`));
    assert.deepEqual(
      pair.upstream.asked.map(({ url }) => url),
      ["/nix-cache-info", narinfo, narinfo],
    );
  });

  it("answers 404 of its own for everything else, and asks Harmonia nothing", async () => {
    const { narinfo, nar } = pair.upstream.add();
    const hash = narinfo.slice(1, 33);
    const places = [
      "/metrics",
      "/health",
      "/version",
      "/serve/",
      `/serve/${hash}/`,
      `/log/${hash}-x.drv`,
      `/${hash}.ls`,
      "/build-trace-v2/x/out",
      "/nar/",
      "/nar",
      `/nar/${hash}.nar`,
      `/nar/${hash}-${nar.slice(5, 57)}.nar?hash=${hash}`,
      nar.replace(/\?.*/, ""),
      `${nar}0`,
      nar.replace("hash=", "hash=%2e%2e%2fmetrics&x="),
      `/nar/..%2f..%2fmetrics?hash=${hash}`,
      `/nar/../metrics`,
      `//metrics`,
      `/${hash}.narinfo/../metrics`,
      `/${hash.toUpperCase()}.narinfo`,
      `/${"e".repeat(32)}.narinfo`,
      "/nix-cache-info/",
      "/nix-binary-cache/has-path",
      "/favicon.ico",
      "/index.html",
      "/%",
    ];
    for (const place of places) {
      const answer = await sendRaw(pair.nginx.port, `GET ${place} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 40[04] /, `${place}: ${answer.slice(0, 200)}`);
      assert.doesNotMatch(answer, /private/);
    }
    assert.deepEqual(pair.upstream.asked, []);
  });

  it("refuses every method but GET and HEAD", async () => {
    const { narinfo } = pair.upstream.add();
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PURGE"]) {
      assert.equal((await ask(pair.nginx.url + narinfo, {}, method)).status, 405, method);
    }
    assert.deepEqual(pair.upstream.asked, []);
  });

  it("shows the status page once there is one", async () => {
    assert.equal((await ask(pair.nginx.url)).status, 404);
    writeFileSync(join(pair.nginx.folder, "status", "index.html"), "<title>42 paths</title>");
    writeFileSync(join(pair.nginx.folder, "status", "status.svg"), "<svg/>");
    const page = await ask(pair.nginx.url);
    assert.deepEqual([page.status, page.body.toString()], [200, "<title>42 paths</title>"]);
    assert.match(String(page.headers["content-security-policy"]), /default-src 'none'/);
    assert.equal((await ask(`${pair.nginx.url}/status.svg`)).headers["content-type"], "image/svg+xml");
    assert.deepEqual(pair.upstream.asked, []);
  });

  it("gives Prometheus the figures on the loopback, and nothing of them at the cache's own address", async () => {
    const port = await freePort();
    const nginx = await Nginx.start(pair.upstream.address, { metricsPort: port });
    try {
      const metrics = `http://127.0.0.1:${port}/metrics`;
      assert.equal((await ask(metrics)).status, 404);
      writeFileSync(join(nginx.folder, "status", "metrics.prom"), "nix_binary_cache_status_time_seconds 1\n");
      const { status, body, headers } = await ask(metrics);
      assert.deepEqual([status, body.toString()], [200, "nix_binary_cache_status_time_seconds 1\n"]);
      assert.match(String(headers["content-type"]), /^text\/plain; version=0\.0\.4/);
      for (const url of [`${nginx.url}/metrics`, `${nginx.url}/metrics.prom`, metrics.replace("/metrics", "/")])
        assert.equal((await ask(url)).status, 404, url);
      const elsewhere = Object.values(networkInterfaces()).flatMap((all = []) =>
        all.filter(({ internal }) => !internal),
      );
      for (const { address } of elsewhere.filter(({ family }) => family === "IPv4"))
        await assert.rejects(ask(`http://${address}:${port}/metrics`), /ECONNREFUSED/);
    } finally {
      await nginx.stop();
    }
  });

  it("passes nothing of a query to a narinfo", async () => {
    const { narinfo } = pair.upstream.add();
    assert.equal((await ask(`${pair.nginx.url}${narinfo}?json=1`)).status, 200);
    assert.deepEqual(
      pair.upstream.asked.map(({ url }) => url),
      [narinfo],
    );
  });
});
