/** The filter before `nix-store --serve --write` with sources that allow everything, for tests to change one at a time. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { Admission, type AdmissionSources } from "../../nix/cachectl/receive/admission.ts";
import { serveCommands } from "../../nix/cachectl/receive/filter/serve-commands.ts";
import { StreamFilter } from "../../nix/cachectl/receive/filter/stream-filter.ts";
import { Ledger } from "../../nix/cachectl/receive/ledger.ts";
import { parseLimits } from "../../nix/cachectl/receive/limits.ts";
import { isStorePath } from "../../nix/cachectl/receive/path-list.ts";
import { Refusal } from "../../nix/cachectl/receive/refusal.ts";
import { makeKey } from "./receive-protocol.ts";

export const ours = makeKey("macbook-1");
export const upstream = makeKey("cache.example.org-1");
export const stranger = makeKey("stranger-1");

/** What is changed for one call: the size of the chunks, the sources, the limits. */
export interface PassOptions {
  readonly chunk?: number;
  readonly sources?: Partial<AdmissionSources>;
  readonly limits?: object;
}

/** What came out of the filter, and what was refused. */
export interface Passed {
  readonly sent: Buffer;
  readonly refusal?: Refusal;
}

/** See the file's comment. `remove` at the end. */
export class FilterHarness {
  readonly #folder = mkdtempSync(join(tmpdir(), "receive-filter-"));

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }

  /** Sends bytes through a filter in chunks. */
  readonly pass = async (bytes: Buffer, options: PassOptions = {}): Promise<Passed> => {
    const sources = {
      knownKeys: [ours.publicKey, upstream.publicKey],
      nixKeys: () => [],
      freeBytes: () => 2 ** 50,
      announced: () => 1,
      hold: () => undefined,
      registered: () => true,
      isStorePath,
    };
    const limits = parseLimits({ limits: options.limits ?? {} });
    const policy = new Admission(limits, new Ledger(this.#folder), { ...sources, ...options.sources });
    const filter = new StreamFilter((send) => serveCommands(policy, send));
    const size = options.chunk ?? bytes.length;
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    );
    const sent: Buffer[] = [];
    try {
      for await (const chunk of Readable.from(chunks).compose(filter)) sent.push(chunk as Buffer);
      return { sent: Buffer.concat(sent) };
    } catch (error) {
      assert.ok(error instanceof Refusal, String(error));
      return { sent: Buffer.concat(sent), refusal: error };
    }
  };
}
