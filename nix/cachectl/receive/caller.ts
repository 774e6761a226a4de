import { lstatSync, readFileSync } from "node:fs";
import { sshFingerprint, sshKeyOf, type Builder } from "../builders/builder.ts";
import { Refusal } from "./refusal.ts";

/** Who is calling, as the server knows it; nothing of this comes from the caller. */
export interface Caller {
  readonly builder: Builder;
  /** The ssh key's fingerprint, or `tailnet:NODE`. */
  readonly key: string;
}

/** What tells who is calling. */
export interface CallerSources {
  readonly environment: NodeJS.ProcessEnv;
  readonly builders: readonly Builder[];
  /** Whether Tailscale SSH answers here, where nobody presents a key, and SSH_USER_AUTH can only be the caller's own doing. */
  readonly byTailnetOnly: boolean;
  /** The user that this process runs as. */
  readonly userId: number;
  /** Answer of `tailscale whois --json ADDRESS`, parsed; throws an Error when there is none. */
  whois(address: string): Promise<unknown>;
}

/** A node of the tailnet as `tailscale whois --json` tells of it. */
interface Node {
  readonly name: string;
  readonly tags: readonly string[];
  /** Without a prefix's length. */
  readonly addresses: readonly string[];
}

/**
 * The builder that calls: by the key that sshd accepted (`ExposeAuthInfo yes` names it in a file of its own), else by
 * the tailnet node at the other end, for builders that have one. Throws a Refusal that says what was found.
 */
export async function identify(sources: CallerSources): Promise<Caller> {
  const { SSH_USER_AUTH: authFile } = sources.environment;
  if (authFile !== undefined && authFile !== "" && !sources.byTailnetOnly) return byKey(authFile, sources);
  const address = callerAddress(sources.environment);
  if (address === undefined) {
    throw new Refusal(
      "identity",
      "neither an ssh key nor an address is known: call over ssh (sshd: ExposeAuthInfo yes)",
    );
  }
  if (!sources.builders.some((builder) => builder.tailnet !== undefined)) {
    throw new Refusal("identity", "sshd does not say which key was used: set ExposeAuthInfo yes for this user");
  }
  return byNode(readNode(await sources.whois(address)), sources.builders);
}

/** The address in SSH_CLIENT, which sshd sets; undefined outside ssh. */
export function callerAddress(environment: NodeJS.ProcessEnv): string | undefined {
  const address = environment.SSH_CLIENT?.split(" ")[0] ?? "";
  return /^[0-9a-fA-F.:]{2,45}$/.test(address) ? address : undefined;
}

function byKey(authFile: string, { builders, userId }: CallerSources): Caller {
  const keys = readAuthInfo(authFile, userId);
  const matching = builders.filter(({ sshKey }) => sshKey !== undefined && keys.includes(sshKey));
  const [builder] = matching;
  if (builder === undefined || matching.length > 1) {
    const shown = keys.map(sshFingerprint).join(", ");
    throw new Refusal(
      "identity",
      `the ssh key ${shown === "" ? "that was used" : shown} is no builder's: register it with cachectl builders add`,
    );
  }
  return { builder, key: sshFingerprint(builder.sshKey ?? "") };
}

/**
 * The keys in sshd's file: lines `publickey ssh-ed25519 AAAA…`, one an authentication (sshd_config, ExposeAuthInfo).
 * sshd makes the file as the user and for the user only; a file of any other kind was put there by someone else.
 */
function readAuthInfo(file: string, userId: number): string[] {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (!found?.isFile() || found.uid !== userId || (found.mode & 0o077) !== 0) {
    throw new Refusal("identity", "the file named by SSH_USER_AUTH is not one that sshd made");
  }
  return readFileSync(file, "latin1")
    .split("\n")
    .flatMap((line) => (line.startsWith("publickey ") ? [sshKeyOf(line.slice("publickey ".length)) ?? ""] : []))
    .filter((key) => key !== "");
}

function byNode(node: Node, builders: readonly Builder[]): Caller {
  const short = node.name.split(".")[0] ?? "";
  // A tagged node belongs to its tags: its name was chosen by whoever enrolled it. Addresses the tailnet gives out.
  const identities = [...node.addresses, ...(node.tags.length > 0 ? node.tags : [node.name, short])];
  const matching = builders.filter(({ tailnet }) => tailnet !== undefined && identities.includes(tailnet));
  const [builder] = matching;
  if (builder === undefined || matching.length > 1) {
    throw new Refusal(
      "identity",
      `the tailnet node ${JSON.stringify(node.name)} (${node.tags.join(", ") || "no tags"}) is not one builder's`,
    );
  }
  return { builder, key: `tailnet:${node.name}` };
}

function readNode(answer: unknown): Node {
  const node = field(answer, "Node");
  const name = field(node, "Name");
  const [tags, addresses] = [texts(field(node, "Tags") ?? []), texts(field(node, "Addresses") ?? [])];
  if (typeof name !== "string" || tags === undefined || addresses === undefined) {
    throw new Refusal("identity", "the tailnet does not know the caller's address");
  }
  return { name: name.replace(/\.$/, ""), tags, addresses: addresses.map((prefix) => prefix.replace(/\/.*$/, "")) };
}

function texts(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined;
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? new Map<string, unknown>(Object.entries(value)).get(name)
    : undefined;
}
