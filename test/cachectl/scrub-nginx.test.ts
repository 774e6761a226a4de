import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dropNginxCopies, nginxCopies } from "../../nix/cachectl/scrub/nginx-copies.ts";
import { ask } from "../nix/serving-client.ts";
import { servingPair } from "../nix/serving-pair.ts";

describe("nginx and what cachectl scrub finds", function () {
  this.timeout(60_000);
  const pair = servingPair();

  /** The store path and NAR hash that a NAR's address names. */
  function facts(nar: string): { readonly path: string; readonly narHash: string } {
    const [, narHash = "", hash = ""] = /^\/nar\/(\w{52})\.nar\?hash=(\w{32})/.exec(nar) ?? [];
    return { path: `/nix/store/${hash}-thing`, narHash: `sha256:${narHash}` };
  }

  it("fetches a NAR anew whose copies were dropped", async () => {
    const served = pair.upstream.add();
    const { path, narHash } = facts(served.nar);
    for (const encoding of ["zstd", "identity"])
      await ask(pair.nginx.url + served.nar, { "Accept-Encoding": encoding });
    assert.equal(pair.upstream.fills(served), 2);
    assert.ok(nginxCopies(pair.nginx.cache, path, narHash).every((file) => existsSync(file)));
    dropNginxCopies(pair.nginx.cache, path, narHash);
    for (const encoding of ["zstd", "identity"]) {
      const answer = await ask(pair.nginx.url + served.nar, { "Accept-Encoding": encoding });
      assert.deepEqual([answer.status, answer.whole], [200, true]);
    }
    assert.equal(pair.upstream.fills(served), 4);
  });
});
