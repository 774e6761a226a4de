import { Refusal } from "../refusal.ts";
import { hashInBase32, type SignedFacts } from "../signature.ts";
import { serveCommand } from "./protocol.ts";
import type { ServePolicy } from "./serve-commands.ts";
import {
  encodeNumber,
  encodeString,
  encodeStrings,
  readNumber,
  readString,
  readStrings,
  type Routine,
} from "./wire.ts";

/** References of one path; the largest known systems have some thousands. */
const maxReferences = 20_000;
const maxSignatures = 64;

/** A NAR is a sequence of eight-byte words; the shortest, a symlink to a name of one character, has 13. */
const narWord = 8;

const narHashForm = /^[0-9a-f]{64}$/;
const contentAddressForm = /^(?:text|fixed(?::(?:r|git))?):(?:md5|sha1|sha256|sha512|blake3):[0-9a-zA-Z+/=]{1,128}$/;

/** What comes before the contents of an uploaded path (`AddToStoreNar`; nix-store.cc opServe, the same from 2.3 to 2.36). */
export interface PathHeader extends SignedFacts {
  readonly signatures: readonly string[];
  /** The content address, empty for a path that has none. */
  readonly contentAddress: string;
  /** The command as it is sent on, with these signatures, the server's own time and not `ultimate`. */
  encode(signatures: readonly string[]): Buffer;
}

/** Reads the arguments of `AddToStoreNar`, up to the NAR. Throws a Refusal for what Nix would not have sent. */
export function* readAddToStore(policy: Pick<ServePolicy, "checkPath">): Routine<PathHeader> {
  const path = yield* readString("path");
  policy.checkPath(path, "the path to add");
  const deriver = yield* readString("deriver");
  if (deriver !== "") policy.checkPath(deriver, "the deriver");
  const narHash = yield* readString("NAR hash");
  if (!narHashForm.test(narHash)) throw new Refusal("protocol", "the NAR hash is not 64 hexadecimal digits");
  const references = yield* readStrings("references", maxReferences);
  for (const reference of references) policy.checkPath(reference, "a reference");
  yield* readNumber("registration time");
  const narSize = yield* readNumber("NAR size");
  if (narSize === 0 || narSize % narWord !== 0) throw new Refusal("protocol", `${narSize} bytes can not be a NAR`);
  yield* readNumber("ultimate");
  const signatures = yield* readStrings("signatures", maxSignatures);
  const contentAddress = yield* readString("content address");
  if (contentAddress !== "" && !contentAddressForm.test(contentAddress)) {
    throw new Refusal("protocol", "the content address has no known form");
  }
  const encode = (kept: readonly string[]): Buffer =>
    Buffer.concat([
      encodeNumber(serveCommand.addToStoreNar),
      ...[path, deriver, narHash].map(encodeString),
      encodeStrings(references),
      ...[0, narSize, 0].map(encodeNumber),
      encodeStrings(kept),
      encodeString(contentAddress),
    ]);
  return { path, narHash: `sha256:${hashInBase32(narHash)}`, narSize, references, signatures, contentAddress, encode };
}
