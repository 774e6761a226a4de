import { isIP } from "node:net";
import { everywhere, type Check } from "../check.ts";
import { cacheUrl, hostOf } from "../facts/cache-url.ts";
import { addresses } from "../facts/connection.ts";
import { isTailnetAddress } from "../facts/tailnet.ts";
import { failure, ok, warning, type Verdict } from "../finding.ts";

export const nameCheck: Check = {
  name: "name",
  roles: everywhere,
  run: async (machine) => {
    let host;
    try {
      host = hostOf(await cacheUrl(machine));
    } catch (error) {
      return failure((error as Error).message, "cachectl doctor --url http://SERVER:5000");
    }
    return judgeName(
      host,
      await addresses(machine).catch((error: unknown) => (error as NodeJS.ErrnoException).code ?? "?"),
    );
  },
};

/** `found`: the addresses, or the resolver's error code. */
export function judgeName(host: string, found: readonly string[] | string): Verdict {
  if (isIP(host) !== 0) return ok(`${host} is an address`);
  const onTailnet = !host.includes(".") || isTailnetAddress(host);
  if (typeof found === "string") {
    return failure(
      `${host} does not resolve (${found})`,
      onTailnet
        ? "sudo tailscale set --accept-dns=true, and MagicDNS on at https://login.tailscale.com/admin/dns"
        : `getent hosts ${host}`,
    );
  }
  const [first = ""] = found;
  if (isTailnetAddress(host) && !found.some(isTailnetAddress)) {
    return warning(`${host} resolves to ${first}, which is no tailnet address`, "sudo tailscale set --accept-dns=true");
  }
  return ok(`${host} is ${first}`);
}
