/** The log that the real nginx writes, and the page that it serves, as status and the doctor read them. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readOn } from "../../nix/cachectl/status/facts/access-log.ts";
import { noTraffic } from "../../nix/cachectl/status/facts/traffic.ts";
import { badgeOf } from "../../nix/cachectl/status/page/badge.ts";
import { pageOf } from "../../nix/cachectl/status/page/page.ts";
import { ask } from "../nix/serving-client.ts";
import { accepts, configText, environment, freePort, haveTools } from "../nix/serving-tools.ts";
import { Upstream } from "../nix/serving-upstream.ts";
import { StatusWorld } from "./status-world.ts";

describe("status behind the real nginx", function () {
  this.timeout(400_000);
  const folder = mkdtempSync(join(tmpdir(), "nix-binary-cache-status-nginx-"));
  const log = join(folder, "access.log");
  const upstream = new Upstream();
  const world = new StatusWorld();
  let [port, nginx] = [0, undefined as ChildProcess | undefined];

  before(async function () {
    if (!haveTools()) return this.skip();
    await upstream.listen();
    port = await freePort();
    mkdirSync(join(folder, "status"));
    const text = await configText({
      ...{ port, upstream: upstream.address, listen: [`127.0.0.1:${port}`], fillPort: await freePort() },
      ...{
        cacheDirectory: join(folder, "cache"),
        cacheMinFree: "1m",
        statusPage: join(folder, "status", "index.html"),
      },
      // Without a buffer: each line is there when its answer is.
      accessLog: `${log} nix_binary_cache`,
    });
    const user = process.getuid?.() === 0 ? "user root;" : "";
    const head = `daemon off; ${user} pid ${folder}/pid; events { worker_connections 512; }`;
    const format = readFileSync("nix/modules/server/log-format.conf", "utf8");
    writeFileSync(join(folder, "nginx.conf"), `${head}\nhttp {\n${format}\n${text}\n}\n`);
    nginx = spawn("nginx", ["-c", join(folder, "nginx.conf"), "-e", join(folder, "error.log")], { env: environment });
    for (let tries = 0; tries < 100 && !(await accepts(port)); tries++) await sleep(50);
  });
  after(async () => {
    if (nginx !== undefined) {
      const ended = once(nginx, "exit");
      nginx.kill("SIGTERM");
      await ended;
      await upstream.stop();
    }
    world.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("counts a NAR's bytes once: first as compressed anew, then as out of the cache; and paths asked for", async () => {
    const url = `http://127.0.0.1:${port}`;
    const served = upstream.add();
    const zstd = { "Accept-Encoding": "zstd" };
    for (const narinfo of [served.narinfo, `/${"a".repeat(32)}.narinfo`]) await ask(url + narinfo);
    const sizes: number[] = [];
    for (let round = 0; round < 3; round++) sizes.push((await ask(url + served.nar, zstd)).body.length);
    await ask(`${url}/nar/${"a".repeat(52)}.nar?hash=${"b".repeat(32)}`);
    await sleep(200);
    const [first = 0, second = 0, third = 0] = sizes;
    assert.ok(first > 0 && first === second);
    const { bytes, hitBytes, ...counts } = readOn(noTraffic, log, port).total;
    assert.deepEqual(counts, { asked: 2, found: 1, nars: 3, errors: 0 });
    // Of an answer of unknown length nginx counts the framing of its chunks, too.
    const about = (found: number, sent: number): boolean => found >= sent && found < sent * 1.01;
    assert.ok(about(bytes, first + second + third) && about(hitBytes, second + third), `${bytes}, ${hitBytes}`);
  });

  it("shows the page and its icon at the cache's address, and names a path in it", async () => {
    const status = { ...world.fill().status(), knownPath: `/nix/store/${"a".repeat(32)}-known` };
    writeFileSync(join(folder, "status", "index.html"), pageOf(status));
    writeFileSync(join(folder, "status", "status.svg"), badgeOf(status));
    const [page, icon] = [await ask(`http://127.0.0.1:${port}/`), await ask(`http://127.0.0.1:${port}/status.svg`)];
    assert.deepEqual([page.status, icon.status], [200, 200]);
    assert.match(String(page.headers["content-type"]), /^text\/html/);
    assert.match(String(icon.headers["content-type"]), /^image\/svg\+xml/);
    assert.match(page.body.toString(), /data-known-path="\/nix\/store\/a{32}-known"/);
    // What status keeps for itself is nobody's.
    for (const name of ["metrics.prom", "traffic.json"]) {
      writeFileSync(join(folder, "status", name), "{}");
      assert.equal((await ask(`http://127.0.0.1:${port}/${name}`)).status, 404);
    }
  });
});
