import type { Builder } from "../../nix/cachectl/builders/builder.ts";
import { makeSshKey } from "./receive-host.ts";
import { makeKey } from "./receive-protocol.ts";

/** A registration with keys of its own. */
export function makeBuilder(name: string): Builder {
  return {
    name,
    system: "aarch64-darwin",
    sshKey: makeSshKey(),
    signingKey: makeKey(`${name}-1`).publicKey,
  };
}
