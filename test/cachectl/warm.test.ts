import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Pace } from "../../nix/cachectl/warm/pace.ts";
import { readWarmSettings, warmSettingsOrDefault, type WarmSettings } from "../../nix/cachectl/warm/settings.ts";
import { warm } from "../../nix/cachectl/warm/warm.ts";
import { storePath } from "./receive-protocol.ts";

const never = new AbortController().signal;
const nar = Buffer.alloc(100_000, 1);

/** A double of the server's nginx: what it has, and what it was asked for. */
class CacheDouble {
  readonly asked: { readonly url: string; readonly encoding: string }[] = [];
  readonly has = new Map<string, string>();
  readonly server: Server = createServer((request, response) => {
    const answer = this.#answer(request);
    response.statusCode = answer === undefined ? 404 : 200;
    response.end(answer);
  });

  async listen(): Promise<string> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  add(path: string, place = `nar/${path.slice(11, 43)}.nar?hash=${path.slice(11, 43)}`): string {
    this.has.set(`/${path.slice(11, 43)}.narinfo`, `StorePath: ${path}\nURL: ${place}\nCompression: none\n`);
    return path;
  }

  #answer({ url = "", headers }: IncomingMessage): string | Buffer | undefined {
    this.asked.push({ url, encoding: String(headers["accept-encoding"]) });
    if (url === "/nix-cache-info") return "StoreDir: /nix/store\n";
    return this.has.get(url) ?? (url.startsWith("/nar/") ? nar : undefined);
  }
}

describe("warming", () => {
  let cache: CacheDouble;
  let settings: WarmSettings;
  beforeEach(async () => {
    cache = new CacheDouble();
    settings = { ...warmSettingsOrDefault({}), url: `${await cache.listen()}/` };
  });
  afterEach(() => {
    cache.server.closeAllConnections();
    cache.server.close();
  });

  it("fetches each path's NAR in the form that clients ask for, once", async () => {
    const paths = ["a", "b", "c"].map((name) => cache.add(storePath(name)));
    assert.deepEqual(await warm(paths, settings, never), { warmed: 3, bytes: 3 * nar.length, skipped: [] });
    const nars = cache.asked.filter(({ url }) => url.startsWith("/nar/"));
    assert.deepEqual(nars.map(({ url }) => url.slice(5, 37)).sort(), paths.map((path) => path.slice(11, 43)).sort());
    assert.ok(nars.every(({ encoding }) => encoding === "zstd"));
  });

  it("names a path that the cache does not have, and one whose narinfo leads elsewhere, and warms the rest", async () => {
    const [absent, odd, good] = [storePath("absent"), storePath("odd"), cache.add(storePath("good"))];
    cache.add(odd, "http://169.254.169.254/nar/x");
    const { warmed, skipped } = await warm([absent, odd, good], settings, never);
    assert.equal(warmed, 1);
    const reasons = new Map(skipped.map(({ path, reason }) => [path, reason]));
    assert.match(reasons.get(absent) ?? "", /status 404/);
    assert.match(reasons.get(odd) ?? "", /names no NAR below nar\//);
  });

  it("stops at the budget of bytes and names what it left out", async () => {
    const paths = ["a", "b", "c", "d"].map((name) => cache.add(storePath(name)));
    const result = await warm(paths, { ...settings, concurrency: 1, maxBytes: nar.length + 1 }, never);
    assert.ok(result.warmed >= 1 && result.warmed < 4 && result.bytes < 3 * nar.length, JSON.stringify(result));
    assert.ok(result.skipped.every(({ reason }) => reason === "the budget of bytes is used up"));
  });

  it("leaves everything out, and fails nothing, when the cache is away", async () => {
    const { warmed, skipped } = await warm([storePath("a")], { ...settings, url: "http://127.0.0.1:1" }, never);
    assert.equal(warmed, 0);
    assert.match(skipped[0]?.reason ?? "", /the cache is away: .*ECONNREFUSED/);
  });

  it("ends at once when it is told to stop", async () => {
    const paths = ["a", "b"].map((name) => cache.add(storePath(name)));
    const { warmed, skipped } = await warm(paths, settings, AbortSignal.abort());
    assert.deepEqual([warmed, skipped.length], [0, 2]);
  });

  it("keeps to its rate", () => {
    const pace = new Pace(1000, 10_000, () => 0);
    assert.deepEqual([pace.take(500), pace.take(500), pace.total, pace.spent], [500, 1000, 1000, false]);
  });
});

describe("the settings of warming", () => {
  it("are off without a section, and take the cache's port and sizes as text with one", () => {
    assert.equal(readWarmSettings({ cache: { port: 5001 } }), undefined);
    const settings = readWarmSettings({ cache: { port: 5001 }, warm: { maxBytes: "1GiB" } });
    assert.deepEqual([settings?.url, settings?.maxBytes], ["http://127.0.0.1:5001", 2 ** 30]);
  });

  for (const [name, value] of [
    ["concurrency", 0],
    ["bytesPerSecond", "fast"],
    ["maxBytes", -1],
    ["url", "127.0.0.1"],
  ] as const) {
    it(`name a ${name} that is none`, () => {
      assert.throws(() => readWarmSettings({ warm: { [name]: value } }), new RegExp(`warm\\.${name} in config\\.json`));
    });
  }
});
