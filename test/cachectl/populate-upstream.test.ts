import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { nixOrSkip, ownStore } from "../support/nix.ts";
import { PopulateWorld, removeWorlds, system } from "./populate-world.ts";

const greeting = `packages.${system}.greeting`;
const machine = "nixosConfigurations.desktop";
const spelling = `checks.${system}.spelling`;

describe("populate beside a cache that clients ask first", function () {
  this.timeout(180_000);
  let world: PopulateWorld;
  beforeEach(async function () {
    const bin = await nixOrSkip(this);
    world = new PopulateWorld(bin);
    world.useFlake("good");
    world.lock();
    world.populate.outputs = [greeting, machine, spelling];
    const upstream = `file://${join(world.folder, "upstream")}`;
    // Built, pushed and forgotten again: as if another had built it.
    const reference = `git+file://${world.repository}`;
    const built = [greeting, `${machine}.config.system.build.toplevel`].map((name) =>
      world.nix("build", "--no-link", "--print-out-paths", `${reference}#${name}`).trim(),
    );
    const { file, publicKey } = world.signingKey("upstream-1");
    world.nix("copy", "--to", `${upstream}?secret-key=${file}`, ...built);
    world.collectGarbage();
    assert.ok(built.every((path) => !existsSync(path)));
    ownStore(world.folder, bin, [`extra-substituters = ${upstream}`, `extra-trusted-public-keys = ${publicKey}`]);
    world.cache.upstreams = [{ url: upstream, publicKey }];
  });
  afterEach(removeWorlds);

  it("does not build or keep what that has, but for a machine's system, and builds the rest", async () => {
    const { status, stdout } = await world.call(["populate"]);
    assert.equal(status, 0, stdout);
    assert.deepEqual(world.statuses(), { [greeting]: "upstream", [machine]: "fetched", [spelling]: "built" });
    assert.deepEqual(Object.keys(world.roots()).sort(), [spelling, "desktop"]);
    const { fetches, builds, closureBytes = 0 } = world.output(machine);
    assert.deepEqual([fetches, builds], [1, 0]);
    assert.ok(closureBytes > 0);
  });

  it("builds and keeps everything where no upstream is declared", async () => {
    world.cache.upstreams = [];
    assert.equal((await world.call(["populate"])).status, 0);
    assert.deepEqual(world.statuses(), { [greeting]: "fetched", [machine]: "fetched", [spelling]: "built" });
  });

  describe("warms", () => {
    const asked: string[] = [];
    let server: Server;
    beforeEach(async () => {
      asked.length = 0;
      // A double of the server's nginx, which has everything.
      server = createServer(({ url = "" }, response) => {
        asked.push(url);
        if (url === "/nix-cache-info") response.end(`StoreDir: ${world.env.NIX_STORE_DIR}\n`);
        else if (url.endsWith(".narinfo")) response.end("URL: nar/any.nar\nCompression: none\n");
        else response.end("nar");
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
      world.warm = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    });
    afterEach(() => server.close());

    it("what only this cache has, once", async () => {
      assert.equal((await world.call(["populate"])).status, 0);
      assert.deepEqual(
        asked.filter((url) => url.startsWith("/nar/")),
        ["/nar/any.nar"],
      );
      assert.equal(asked.filter((url) => url.endsWith(".narinfo")).length, 1);
      assert.equal(world.output(spelling).warmed, 1);
      asked.length = 0;
      assert.equal((await world.call(["populate"])).status, 0);
      assert.deepEqual(asked, []);
    });

    it("nothing, succeeds all the same, and says so, when nginx is down", async () => {
      server.close();
      const { status, stdout } = await world.call(["populate"]);
      assert.equal(status, 0);
      assert.equal(world.output(spelling).status, "built");
      assert.match(stdout, /not warmed: 1 \(the cache is away: /);
    });
  });
});
