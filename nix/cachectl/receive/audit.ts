import { closeSync, openSync, writeSync } from "node:fs";
import type { RefusalKind } from "./refusal.ts";

/** What is known of a call while it runs; `audit.log` has one line of JSON for each, whatever came of it. */
export interface CallFacts {
  /** Null for a caller who is no builder. */
  builder: string | null;
  /** Fingerprint of the ssh key, or `tailnet:NODE`; null when neither is known. */
  key: string | null;
  /** Address of the caller as sshd gave it. */
  address: string | null;
  /** Null until the request is known to be one of ours. */
  verb: string | null;
  /** Paths that were named or sent, and how many of them were refused. */
  paths: number;
  refused: number;
  /** Bytes of the NARs let through. */
  bytes: number;
}

/** How a call ended: as asked, turned away, or broken off (the server's fault, Nix's answer, or the line's). */
export interface CallEnd {
  readonly outcome: "done" | "refused" | "failed";
  readonly kind?: RefusalKind;
  readonly reason?: string;
}

const longestReason = 500;

/**
 * One call's line. The log is opened when the call begins, so that no call is answered that could not be logged, and
 * written once at its end by one append, so that calls at the same time do not mix theirs. JSON escapes line breaks and
 * control characters: no caller can write a line of its own.
 */
export class AuditRecord {
  readonly facts: CallFacts;
  readonly #log: number;
  readonly #started = Date.now();

  /** Throws an Error when the log can't be appended to. */
  constructor(file: string, address: string | undefined) {
    this.#log = openSync(file, "a", 0o640);
    this.facts = { builder: null, key: null, address: address ?? null, verb: null, paths: 0, refused: 0, bytes: 0 };
  }

  /** Writes the line; nothing more can be written after that. Throws an Error when the disk is full. */
  close({ reason, ...end }: CallEnd): void {
    const time = new Date(this.#started).toISOString();
    const because = reason === undefined ? {} : { reason: reason.slice(0, longestReason) };
    try {
      writeSync(
        this.#log,
        `${JSON.stringify({ time, ...this.facts, ...end, ...because, ms: Date.now() - this.#started })}\n`,
      );
    } finally {
      closeSync(this.#log);
    }
  }
}
