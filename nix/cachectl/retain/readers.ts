import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** An hour of a busy cache is some MiB. */
const mostBytes = 32 * 1024 ** 2;
/** `/HASH.narinfo`, and `/nar/NARHASH.nar?hash=HASH`. */
const requestForm = /^\/(?:([0-9a-z]{32})\.narinfo|nar\/[0-9a-z]{52}\.nar\?hash=([0-9a-z]{32}))(?:$|[?&])/;

/**
 * The hashes of paths that were asked for, and found, since `since` (milliseconds since 1970), by nginx's access log in the
 * form of nix/modules/server/log-format.conf; a log that was rotated meanwhile (`LOG.1`) counts. None where there is no log.
 * nginx writes it with up to five seconds' delay.
 */
export function recentlyRead(log: string, since: number): Set<string> {
  const hashes = new Set<string>();
  for (const file of [log, `${log}.1`]) {
    for (const line of tailOf(file, since).split("\n")) {
      const [time, , status, , , , uri = ""] = line.split(" ");
      if (!(Number(time) * 1000 >= since) || !["200", "206"].includes(status ?? "")) continue;
      const [, narinfo, nar] = requestForm.exec(uri) ?? [];
      const hash = narinfo ?? nar;
      if (hash !== undefined) hashes.add(hash);
    }
  }
  return hashes;
}

/** The end of a file that was written to since then; empty for any other, and where it can't be read. */
function tailOf(file: string, since: number): string {
  let opened: number;
  try {
    opened = openSync(file, "r");
  } catch {
    return "";
  }
  try {
    const { size, mtimeMs } = fstatSync(opened);
    if (mtimeMs < since) return "";
    const buffer = Buffer.alloc(Math.min(size, mostBytes));
    const count = readSync(opened, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString("latin1", 0, count);
  } finally {
    closeSync(opened);
  }
}
