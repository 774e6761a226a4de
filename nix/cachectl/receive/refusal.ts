/**
 * Why a call was turned away: "identity" (unknown caller), "command" (not one of ours), "protocol" (not the serve
 * protocol, or a command of it that is not let through), "path" (not a store path), "signature" (nobody trusted signed
 * it), "limit" (count, bytes, time or disk), "announce" (data before its root).
 */
export type RefusalKind = "identity" | "command" | "protocol" | "path" | "signature" | "limit" | "announce";

/** The exit status of a refused call: "command invoked cannot execute", as a shell would say. */
export const refusedStatus = 126;

/** A call, or a part of one, that is not done. The message goes to the caller and to the audit log. */
export class Refusal extends Error {
  readonly kind: RefusalKind;

  constructor(kind: RefusalKind, message: string) {
    super(message);
    this.name = "Refusal";
    this.kind = kind;
  }
}
