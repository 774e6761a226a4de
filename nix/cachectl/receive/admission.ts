import type { PathHeader } from "./filter/add-to-store.ts";
import { serveCommand } from "./filter/protocol.ts";
import type { ServePolicy } from "./filter/serve-commands.ts";
import type { Ledger } from "./ledger.ts";
import type { Limits } from "./limits.ts";
import { Refusal } from "./refusal.ts";
import { keyName, KeyRing } from "./signature.ts";

/** Where an admission looks things up; each is asked only when it matters. */
export interface AdmissionSources {
  /** `name:base64` public keys known from the registrations and the configuration. */
  readonly knownKeys: readonly string[];
  /** All keys that the server's Nix trusts, asked from Nix itself: slower, so only for a path that no known key signed. */
  nixKeys(): readonly string[];
  /** Free bytes on the store's disk. */
  freeBytes(): number;
  /** How many paths this builder has announced and not committed. */
  announced(): number;
  /** Keeps a path from the garbage collector while the session lasts. */
  hold(path: string): void;
  /** Whether the builder is still registered: a session does not outlive its builder's rights. */
  registered(): boolean;
  /** Whether a text is a store path. */
  isStorePath(path: string): boolean;
}

/**
 * Decides what a session of one builder may send, and counts it. The server's Nix checks signatures and contents again
 * (the account is no trusted user): what is refused here is refused before its bytes cross the network, with a reason.
 */
export class Admission implements ServePolicy {
  readonly #limits: Limits;
  readonly #ledger: Ledger;
  readonly #sources: AdmissionSources;
  readonly #keys: KeyRing;
  #askedNix = false;
  #paths = 0;
  #queried = 0;
  #bytes = 0;

  constructor(limits: Limits, ledger: Ledger, sources: AdmissionSources) {
    this.#limits = limits;
    this.#ledger = ledger;
    this.#sources = sources;
    this.#keys = new KeyRing(sources.knownKeys);
  }

  /** Paths let through and their NAR bytes. */
  get counts(): { readonly paths: number; readonly bytes: number } {
    return { paths: this.#paths, bytes: this.#bytes };
  }

  seen(command: number): void {
    if (command === serveCommand.addToStoreNar && this.#paths === 0 && this.#sources.announced() === 0) {
      throw new Refusal(
        "announce",
        "nothing is announced: without a root the next garbage collection takes what comes",
      );
    }
  }

  hold(path: string): void {
    this.#sources.hold(path);
  }

  /** Each path asked about costs a root while the session lasts: so many, whatever the number of queries. */
  queried(count: number): void {
    this.#queried += count;
    const { maxQueryPaths } = this.#limits;
    if (this.#queried <= maxQueryPaths) return;
    throw new Refusal(
      "limit",
      `${this.#queried} paths in this session's queries, at most ${maxQueryPaths} are answered`,
    );
  }

  checkPath(path: string, what: string): void {
    if (!this.#sources.isStorePath(path)) {
      throw new Refusal("path", `${what} is no store path: ${JSON.stringify(path.slice(0, 100))}`);
    }
  }

  admit(header: PathHeader): readonly string[] {
    if (!this.#sources.registered()) throw new Refusal("identity", "this builder's registration was withdrawn");
    const signatures = this.#validSignatures(header);
    if (signatures.length === 0 && header.contentAddress === "") throw new Refusal("signature", unsigned(header));
    this.#checkSize(header);
    this.#sources.hold(header.path);
    this.#ledger.add(header.narSize);
    this.#paths += 1;
    this.#bytes += header.narSize;
    return signatures;
  }

  #validSignatures(header: PathHeader): readonly string[] {
    const valid = this.#keys.valid(header, header.signatures);
    if (valid.length > 0 || header.signatures.length === 0 || this.#askedNix) return valid;
    this.#askedNix = true;
    this.#keys.add(this.#sources.nixKeys());
    return this.#keys.valid(header, header.signatures);
  }

  #checkSize({ path, narSize }: PathHeader): void {
    const { maxPathBytes, dailyBytes, minFreeBytes, maxRoots } = this.#limits;
    if (this.#paths >= maxRoots) throw new Refusal("limit", `${maxRoots} paths in one session: commit, then go on`);
    if (narSize > maxPathBytes) {
      throw new Refusal("limit", `${path} has ${narSize} bytes; a path may have ${maxPathBytes}`);
    }
    const today = this.#ledger.total();
    if (today + narSize > dailyBytes) {
      throw new Refusal("limit", `${path} has ${narSize} bytes; ${today} of today's ${dailyBytes} are used`);
    }
    const free = this.#sources.freeBytes();
    if (free - narSize < minFreeBytes) {
      throw new Refusal(
        "limit",
        `the server's disk is full: ${path} has ${narSize} bytes, ${free} are free, ${minFreeBytes} stay so`,
      );
    }
  }
}

function unsigned({ path, signatures }: PathHeader): string {
  const names = [...new Set(signatures.map(keyName))].slice(0, 5).map((name) => JSON.stringify(name.slice(0, 60)));
  const found =
    names.length === 0 ? "has no signature" : `has no valid signature of a trusted key (it names ${names.join(", ")})`;
  return `${path} ${found}; sign it with this builder's key`;
}
