/** Renders the tailnet's packet filter for nftables. */
import type { Flow } from "../tailscale/packet-filter.ts";

const TABLE = "inet tailnet";

/**
 * The router's table at its beginning: nothing new is let through, and whoever is in the set `cut` neither sends nor
 * receives, as if it were asleep.
 */
export const INITIAL_RULES = `table ${TABLE} {
  set cut { type ipv4_addr; }
  chain granted { }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ip saddr @cut drop
    ip daddr @cut drop
    ct state established,related accept
    jump granted
  }
}
`;

/** The lab's machines have IPv4 addresses only. */
function isIpv4(text: string): boolean {
  return /^[0-9.]+(?:\/\d+)?$/.test(text);
}

function matchService({ proto, ports }: Flow): string {
  if (proto === "any") return "";
  if (proto === "icmp") return "ip protocol icmp ";
  if (ports === "any") return `ip protocol ${proto} `;
  const [from, to] = ports;
  return `${proto} dport ${from === to ? from : `${from}-${to}`} `;
}

/** The text for `nft -f` that replaces all flows by these, in one transaction. */
export function policyRules(flows: readonly Flow[]): string {
  const rules = flows
    .filter(({ src, dst }) => isIpv4(src) && isIpv4(dst))
    .map((flow) => `add rule ${TABLE} granted ip saddr ${flow.src} ip daddr ${flow.dst} ${matchService(flow)}accept\n`);
  return `flush chain ${TABLE} granted\n${rules.join("")}`;
}

/** The text for `nft -f` that takes addresses off the tailnet, or puts them back; doing it twice is no fault. */
export function cutRules(address: string, cut: boolean): string {
  // Deleting what is not in the set is an error, so it is added first.
  const add = `add element ${TABLE} cut { ${address} }\n`;
  return cut ? add : `${add}delete element ${TABLE} cut { ${address} }\n`;
}
