import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dropNginxCopies, nginxCopies } from "../../nix/cachectl/scrub/nginx-copies.ts";
import { release, withheldFolder, withhold } from "../../nix/cachectl/scrub/withheld.ts";
import { ask, until } from "./serving-client.ts";
import { servingPair } from "./serving-pair.ts";

describe("nginx and what cachectl scrub finds", function () {
  this.timeout(60_000);
  const state = mkdtempSync(join(tmpdir(), "withheld-"));
  after(() => rmSync(state, { recursive: true }));
  const pair = servingPair({ withheldDirectory: withheldFolder(state) });

  /** The store path and NAR hash that a NAR's address names. */
  function facts(nar: string): { readonly path: string; readonly narHash: string } {
    const [, narHash = "", hash = ""] = /^\/nar\/(\w{52})\.nar\?hash=(\w{32})/.exec(nar) ?? [];
    return { path: `/nix/store/${hash}-thing`, narHash: `sha256:${narHash}` };
  }

  it("serves neither narinfo nor NAR of what is withheld, from one request to the next, and all else", async () => {
    const [bad, good] = [pair.upstream.add(), pair.upstream.add()];
    const narinfo = (nar: string): string => `${pair.nginx.url}/${facts(nar).path.slice(11, 43)}.narinfo`;
    const status = async (url: string): Promise<number> => (await ask(url)).status;
    const of = async (nar: string): Promise<number[]> => [
      await status(narinfo(nar)),
      await status(pair.nginx.url + nar),
    ];
    assert.deepEqual(
      [await of(bad.nar), await of(good.nar)],
      [
        [200, 200],
        [200, 200],
      ],
    );
    withhold(state, facts(bad.nar).path, [facts(bad.nar).path]);
    assert.deepEqual(
      [await of(bad.nar), await of(good.nar)],
      [
        [404, 404],
        [200, 200],
      ],
    );
    release(state, facts(bad.nar).path);
    assert.deepEqual(await of(bad.nar), [200, 200]);
  });

  it("fetches a NAR anew whose copies were dropped", async () => {
    const served = pair.upstream.add();
    const { path, narHash } = facts(served.nar);
    for (const encoding of ["zstd", "identity"])
      await ask(pair.nginx.url + served.nar, { "Accept-Encoding": encoding });
    assert.equal(pair.upstream.fills(served), 2);
    // nginx names a copy as one only after its reader has had the last byte.
    const kept = (): boolean => nginxCopies(pair.nginx.cache, path, narHash).every((file) => existsSync(file));
    await until(kept);
    dropNginxCopies(pair.nginx.cache, path, narHash);
    for (const encoding of ["zstd", "identity"]) {
      const answer = await ask(pair.nginx.url + served.nar, { "Accept-Encoding": encoding });
      assert.deepEqual([answer.status, answer.whole], [200, true]);
    }
    assert.equal(pair.upstream.fills(served), 4);
  });
});
