/** The tailnet's links: a namespace for each machine, and one that routes between them and filters. */
import { existsSync, statSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Flow } from "../tailscale/packet-filter.ts";
import { type Instance, MACHINE_NAMES, type MachineName, type PeerName } from "../instance.ts";
import { claimLetter, ownerOf, releaseLetter } from "./claim.ts";
import { INITIAL_RULES, cutRules, policyRules } from "./packet-filter.ts";
import { must, run } from "./process.ts";
import { processesInNetwork } from "./procfs.ts";

/** The router's end of every link; never seen beyond it. */
const GATEWAY = "169.254.77.1";
/** Tailscale's own, so that what does not fit there does not fit here. */
const MTU = 1280;

const PEERS: readonly PeerName[] = ["operator", ...MACHINE_NAMES];

/** Name of a machine's network namespace. */
export function namespaceOf(instance: Instance, name: MachineName | "tailnet"): string {
  return `${instance.prefix}${name}`;
}

/** Where `ip netns` keeps it. */
export function namespacePath(instance: Instance, name: MachineName | "tailnet"): string {
  return `/run/netns/${namespaceOf(instance, name)}`;
}

/** A link's name on the host or in the router; the kernel takes 15 characters. */
function linkName(instance: Instance, peer: PeerName, side: "router" | "peer"): string {
  return `nbc-${instance.id}-${side === "router" ? "r" : "p"}-${peer.slice(0, 6)}`;
}

function hardwareAddress(instance: Instance, peer: PeerName, side: "router" | "peer"): string {
  const last = Number(instance.addresses[peer].split(".")[3]);
  return [2, side === "router" ? 1 : 2, 80, instance.subnet, last, 0]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join(":");
}

/** Runs lines of `ip -batch`, in a namespace or on the host. */
async function ip(lines: readonly string[], namespace?: string): Promise<void> {
  const inside = namespace === undefined ? [] : ["-n", namespace];
  await must(["ip", ...inside, "-batch", "-"], { stdin: `${lines.join("\n")}\n` });
}

/**
 * One link from a peer to the router. Neighbours are fixed on both sides: no ARP, so that an answer never depends on it.
 */
async function addLink(instance: Instance, peer: PeerName): Promise<void> {
  const router = namespaceOf(instance, "tailnet");
  const routerLink = linkName(instance, peer, "router");
  const peerLink = peer === "operator" ? linkName(instance, peer, "peer") : "tailscale0";
  const address = instance.addresses[peer];
  const [routerMac, peerMac] = [hardwareAddress(instance, peer, "router"), hardwareAddress(instance, peer, "peer")];
  const peerNamespace = peer === "operator" ? undefined : namespaceOf(instance, peer);
  await ip(
    [
      `link add ${routerLink} mtu ${MTU} address ${routerMac} type veth peer name ${peerLink} mtu ${MTU} address ${peerMac}` +
        (peerNamespace === undefined ? " netns 1" : ` netns ${peerNamespace}`),
      `link set ${routerLink} up`,
      `address add ${GATEWAY}/32 dev ${routerLink} scope link`,
      `route add ${address}/32 dev ${routerLink}`,
      `neighbour add ${address} lladdr ${peerMac} dev ${routerLink} nud permanent`,
    ],
    router,
  );
  // The machine knows the whole tailnet range by its interface, as with Tailscale; the host only this instance's part.
  const range = peer === "operator" ? `100.80.${instance.subnet}.0/24` : "100.64.0.0/10";
  await ip(
    [
      `link set ${peerLink} up`,
      `address add ${address}/32 dev ${peerLink}`,
      `neighbour add ${GATEWAY} lladdr ${routerMac} dev ${peerLink} nud permanent`,
      `route add ${range} via ${GATEWAY} dev ${peerLink} onlink src ${address}`,
    ],
    peerNamespace,
  );
}

/** Loads text into the router's nftables, all of it or nothing. */
async function loadRules(instance: Instance, text: string): Promise<void> {
  const file = join(instance.dir, "tailnet.nft");
  await writeFile(`${file}.${process.pid}`, text);
  await rename(`${file}.${process.pid}`, file);
  await must(["ip", "netns", "exec", namespaceOf(instance, "tailnet"), "nft", "-f", file]);
}

/**
 * Makes all namespaces and links, with a filter that lets nothing through. Does nothing when they are there.
 *
 * @throws Error when they are another checkout's
 */
export async function createNetwork(instance: Instance): Promise<void> {
  claimLetter(instance, existsSync(namespacePath(instance, "tailnet")));
  if (existsSync(join(instance.dir, "network-complete")) && existsSync(namespacePath(instance, "tailnet"))) return;
  await removeNetwork(instance);
  claimLetter(instance, false);
  for (const name of ["tailnet", ...MACHINE_NAMES] as const) {
    await must(["ip", "netns", "add", namespaceOf(instance, name)]);
    await ip(["link set lo up"], namespaceOf(instance, name));
  }
  const forwarding = ["sysctl", "-qw", "net.ipv4.ip_forward=1"];
  await must(["ip", "netns", "exec", namespaceOf(instance, "tailnet"), ...forwarding]);
  await loadRules(instance, INITIAL_RULES);
  for (const peer of PEERS) await addLink(instance, peer);
  await writeFile(join(instance.dir, "network-complete"), "");
}

/** Kills whatever is left in the instance's namespaces, then removes them with their links. Idempotent. */
export async function removeNetwork(instance: Instance): Promise<void> {
  const owner = ownerOf(instance);
  if (owner !== undefined && owner !== instance.dir) return;
  await run(["rm", "-f", join(instance.dir, "network-complete")]);
  for (const name of [...MACHINE_NAMES, "tailnet"] as const) {
    const path = namespacePath(instance, name);
    if (!existsSync(path)) continue;
    for (const pid of processesInNetwork(statSync(path).ino)) killQuietly(pid);
    await must(["ip", "netns", "delete", namespaceOf(instance, name)]);
  }
  // The link on the host ends with the router's, but not at once.
  await run(["ip", "link", "delete", linkName(instance, "operator", "peer")]);
  releaseLetter(instance);
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

/** Makes the router let through these flows and nothing else, atomically; connections that are open stay so. */
export async function applyFilter(instance: Instance, flows: readonly Flow[]): Promise<void> {
  await loadRules(instance, policyRules(flows));
}

/** Takes a machine off the tailnet: its packets and those to it vanish, also of open connections. */
export async function cutLink(instance: Instance, name: MachineName): Promise<void> {
  await loadRules(instance, cutRules(instance.addresses[name], true));
}

/** Puts a machine back on the tailnet. */
export async function restoreLink(instance: Instance, name: MachineName): Promise<void> {
  await loadRules(instance, cutRules(instance.addresses[name], false));
}
