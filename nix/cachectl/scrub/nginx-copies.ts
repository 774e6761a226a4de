import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { basename, join } from "node:path";

const hashLength = 32;

/**
 * The files in which nginx may keep a path's NAR: named by the MD5 of the key (`proxy_cache_key` in nginx-config.nix),
 * in folders of its last digit and the two before (`levels=1:2`).
 */
export function nginxCopies(cacheDirectory: string, path: string, narHash: string): string[] {
  return ["zstd", "identity"].map((encoding) => {
    const key = `${encoding}/${narHash.slice("sha256:".length)}/${basename(path).slice(0, hashLength)}`;
    const name = createHash("md5").update(key).digest("hex");
    return join(cacheDirectory, name.slice(-1), name.slice(-3, -1), name);
  });
}

/** Removes them: nginx takes a file that is gone for one that it never had, and fetches the NAR anew. */
export function dropNginxCopies(cacheDirectory: string, path: string, narHash: string): void {
  for (const file of nginxCopies(cacheDirectory, path, narHash)) rmSync(file, { force: true });
}
