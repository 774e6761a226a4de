/** What the interview comes to: everything that the stack's file needs. */
import type { Role } from "./answers.ts";

export interface ServerPlan {
  readonly name: string;
  readonly address: string;
  readonly hostKey: string;
  readonly system: string;
  readonly sshPort: number;
  readonly ssh: string;
  readonly flake: string;
  readonly configuration: string;
}

export interface MachinePlan {
  readonly name: string;
  readonly role: Exclude<Role, "none">;
  readonly system: string;
  readonly address?: string | undefined;
  readonly hostKey?: string | undefined;
  readonly sshKey?: string | undefined;
  readonly signingKey?: string | undefined;
}

export interface CiPlan {
  readonly repository: string;
  readonly auth: string;
  readonly outputs: readonly string[];
}

export interface Plan {
  readonly server: ServerPlan;
  readonly machines: readonly MachinePlan[];
  /** Names of machines that have nothing to do with the cache: taken out where the file has them. */
  readonly leftOut: readonly string[];
  readonly outputs: "discover" | readonly string[];
  readonly diskBudget: string;
  readonly testUser: string | undefined;
  readonly ci: CiPlan | undefined;
  /** Who may assign the stack's tags. */
  readonly owners: readonly string[];
}

/** A builder by its own Nix configuration whose keys are not known yet: it is no builder until they are. */
export function lacksKeys({ role, sshKey, signingKey }: MachinePlan): boolean {
  return role === "module" && (sshKey === undefined || signingKey === undefined);
}
