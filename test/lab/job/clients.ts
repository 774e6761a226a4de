/** What the owner of the machines does after `pulumi up`: commits the public facts, and switches the machines to them. */
import type { NixVars } from "../../../components/client-settings/index.ts";
import type { OperationResult } from "../engine/operation.ts";
import type { Machine } from "../machines/machine.ts";
import { placeVars } from "../world/furnish.ts";
import type { World } from "../world/world.ts";

const SWITCH_SECONDS = 300;

/** The output `nixVars` of an `up`, what `npm run nix-vars` writes. @throws Error when it is not there */
export function varsOf({ outputs }: OperationResult): NixVars {
  const vars = outputs.nixVars?.value;
  if (typeof vars !== "object" || vars === null) throw new Error("the stack has no output nixVars: did `up` succeed?");
  return vars as NixVars;
}

/** Builds and switches to a machine's own configuration, as nixos-rebuild does. */
export async function rebuild(machine: Machine, configuration: string): Promise<void> {
  const output = `path:/etc/nixos#nixosConfigurations.${configuration}.config.system.build.toplevel`;
  const nix = ["nix", "--extra-experimental-features", "nix-command flakes"];
  const argv = [...nix, "build", "--no-link", "--print-out-paths", output];
  const { stdout } = await machine.must(argv, { timeoutSeconds: SWITCH_SECONDS });
  const toplevel = stdout.trim();
  await machine.must(["nix-env", "--profile", "/nix/var/nix/profiles/system", "--set", toplevel]);
  await machine.must([`${toplevel}/bin/switch-to-configuration`, "switch"], { timeoutSeconds: SWITCH_SECONDS });
}

/** The desktop becomes a client of the cache. */
export async function adoptVars({ machines }: World, up: OperationResult): Promise<void> {
  await placeVars(machines.desktop, varsOf(up));
  await rebuild(machines.desktop, "desktop");
}
