/** A NAR's bytes as the cache sends them, held against what the narinfo promises. */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createZstdDecompress } from "node:zlib";
import { hashInBase32 } from "../../receive/signature.ts";
import { reasonOf } from "./cache-info.ts";
import { below } from "./cache-url.ts";
import type { SignedNarinfo } from "./narinfo.ts";

/** What came of a download. `bytes` are those of the NAR. */
export type NarOutcome =
  | { readonly kind: "whole"; readonly bytes: number; readonly seconds: number }
  | { readonly kind: "wrong"; readonly problem: string }
  | { readonly kind: "absent"; readonly problem: string }
  | { readonly kind: "unread"; readonly problem: string };

const decompressors = { zstd: createZstdDecompress, gzip: createGunzip, br: createBrotliDecompress } as const;

/** Downloads a NAR and hashes it as it comes; nothing is kept. Never rejects. */
export async function downloadNar(cache: URL, narinfo: SignedNarinfo, stop: AbortSignal): Promise<NarOutcome> {
  const { compression } = narinfo;
  if (compression !== "none" && !(compression in decompressors)) {
    return { kind: "unread", problem: `its NAR is compressed with ${compression}, which this program can't read` };
  }
  const started = Date.now();
  try {
    const response = await fetch(below(cache, narinfo.url), {
      signal: stop,
      headers: { "accept-encoding": "identity" },
    });
    if (!response.ok || response.body === null) {
      return { kind: "absent", problem: `the narinfo is there, its NAR is answered with ${response.status}` };
    }
    return await judge(Readable.fromWeb(response.body), narinfo, started);
  } catch (error) {
    return {
      kind: stop.aborted ? "unread" : "wrong",
      problem: stop.aborted ? "too large for the time" : reasonOf(error),
    };
  }
}

async function judge(packed: Readable, narinfo: SignedNarinfo, started: number): Promise<NarOutcome> {
  const { compression, narHash, narSize } = narinfo;
  const make = compression in decompressors ? decompressors[compression as keyof typeof decompressors] : undefined;
  const nar: Readable = make === undefined ? packed : packed.pipe(make());
  packed.once("error", (error) => nar.destroy(error));
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of nar as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
    if (bytes > narSize)
      return { kind: "wrong", problem: `the NAR has more than the ${narSize} bytes that its narinfo says` };
  }
  if (bytes !== narSize) return { kind: "wrong", problem: `the NAR has ${bytes} bytes, its narinfo says ${narSize}` };
  const digest = hash.digest("hex");
  const same = [`sha256:${hashInBase32(digest)}`, `sha256:${digest}`].includes(narHash);
  return same
    ? { kind: "whole", bytes, seconds: (Date.now() - started) / 1000 }
    : { kind: "wrong", problem: "the NAR's bytes are not those of its hash" };
}
