import { everywhere, type Check } from "../check.ts";
import { cacheUrl, hostOf, portOf } from "../facts/cache-url.ts";
import { connection, type Connection } from "../facts/connection.ts";
import { nodeNamed, tailnet, type TailnetNode } from "../facts/tailnet.ts";
import { failure, ok, type Verdict } from "../finding.ts";

export const portCheck: Check = {
  name: "port",
  roles: everywhere,
  needs: ["tailnet", "name"],
  run: async (machine) => {
    const [url, status] = [await cacheUrl(machine), await tailnet(machine)];
    const node = typeof status === "object" && "peers" in status ? nodeNamed(status, hostOf(url)) : undefined;
    return judgePort(
      `${url.hostname}:${portOf(url)}`,
      await connection(machine),
      node,
      machine.roles.includes("server"),
    );
  },
};

/** `node`: the server, as the tailnet's client knows it; `here`: this machine is the server. */
export function judgePort(address: string, outcome: Connection, node: TailnetNode | undefined, here: boolean): Verdict {
  const onServer = here ? "" : "on the server: ";
  if (outcome === "open") return ok(`${address} is open`);
  if (outcome === "refused") {
    return failure(`${address} refuses: the server is there, nothing listens`, `${onServer}systemctl status nginx`);
  }
  if (node?.online === false) {
    const since = node.lastSeen === undefined ? "" : `, last seen ${node.lastSeen}`;
    return failure(
      `${address} is silent: the server is offline${since}`,
      "switch the server on, or on it: sudo tailscale up",
    );
  }
  if (outcome === "silent") return failure(`${address} gives no answer`, "see the line `policy`");
  if (outcome === "no-route") return failure(`no route to ${address}`, "tailscale status; ip route get ADDRESS");
  return failure(`${address}: ${outcome.problem}`, `nc -vz ${address.replace(/:(\d+)$/, " $1")}`);
}
