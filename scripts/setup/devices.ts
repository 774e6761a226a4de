/** The tailnet's machines, as setup offers them. */
import { z } from "zod";
import { authorize } from "../../components/tailnet-access/api.ts";
import { type TailscaleAccess, TailscaleError } from "../../components/tailnet-access/credentials.ts";
import { ask } from "../../components/tailnet-access/request.ts";

/** A machine of the tailnet. */
export interface Device {
  /** The first label of its MagicDNS name: lower case, letters, digits and hyphens. */
  readonly name: string;
  /** Its IPv4 address on the tailnet, or its only one. */
  readonly address: string;
  /** As Tailscale writes it: "linux", "macOS", "iOS", "windows"… */
  readonly os: string;
  /** The login name it belongs to; undefined when it is tagged. */
  readonly user: string | undefined;
  readonly tags: readonly string[];
  /** Whether Tailscale SSH answers on its port 22. */
  readonly tailscaleSsh: boolean;
}

// Source: Tailscale's API description, the schema Device; what an answer may leave out is optional here.
const deviceAnswer = z.object({
  name: z.string(),
  addresses: z.array(z.string()).min(1),
  os: z.string().default(""),
  user: z.string().optional(),
  tags: z.array(z.string()).default([]),
  sshEnabled: z.boolean().default(false),
});

const listAnswer = z.object({ devices: z.array(z.unknown()) });

/** Systems that Nix runs on, so that a phone is not offered as a builder. */
const offered = /^(linux|macos)$/i;

/**
 * Asks Tailscale for the machines that can run Nix, in the order of their names.
 *
 * @throws TailscaleError as `ask` does, and when the answer is not the documented one
 */
export async function listDevices(access: TailscaleAccess): Promise<Device[]> {
  const path = `tailnet/${encodeURIComponent(access.tailnet)}/devices?fields=all`;
  const headers = { authorization: await authorize(access), accept: "application/json" };
  const { text } = await ask(access, { method: "GET", path, headers, repeatable: true, scope: "devices:core:read" });
  return readDevices(text);
}

/** Reads the answer; machines that lack a name or an address (as shared ones may) are left out. */
export function readDevices(text: string): Device[] {
  const list = listAnswer.safeParse(json(text));
  if (!list.success) {
    throw new TailscaleError("Tailscale's list of machines: expected {devices: […]}. Is TAILSCALE_BASE_URL right?");
  }
  return list.data.devices
    .map((device) => deviceAnswer.safeParse(device))
    .flatMap(({ data }) => (data !== undefined && offered.test(data.os) ? [shown(data)] : []))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function shown({ name, addresses, os, user, tags, sshEnabled }: z.output<typeof deviceAnswer>): Device {
  const address = addresses.find((candidate) => candidate.includes(".")) ?? String(addresses[0]);
  const owner = tags.length > 0 || user === "" ? undefined : user;
  return { name: (name.split(".")[0] ?? name).toLowerCase(), address, os, user: owner, tags, tailscaleSsh: sshEnabled };
}

/** A guess at the Nix system, to be confirmed: the API does not tell the processor. */
export function likelySystem(os: string): "aarch64-darwin" | "x86_64-linux" {
  return os.toLowerCase() === "macos" ? "aarch64-darwin" : "x86_64-linux";
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
