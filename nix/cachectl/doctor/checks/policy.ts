import type { Check } from "../check.ts";
import { cacheUrl, hostOf, portOf } from "../facts/cache-url.ts";
import { connection, type Connection } from "../facts/connection.ts";
import { isTailnetAddress, nodeNamed, tailnet, type TailnetAnswer } from "../facts/tailnet.ts";
import { failure, ok, skipped, type Verdict } from "../finding.ts";
import type { Machine } from "../machine.ts";
import { run } from "../../lib/run.ts";

const pingMilliseconds = 3500;

export const policyCheck: Check = {
  name: "policy",
  roles: ["builder", "client"],
  needs: ["tailnet", "name"],
  timeout: 9000,
  run: async (machine) => {
    const url = await cacheUrl(machine);
    const [outcome, status] = [await connection(machine), await tailnet(machine)];
    const host = hostOf(url);
    const answered = outcome === "silent" && typeof status === "object" && (await ping(machine, host));
    return judgePolicy({ host, port: portOf(url), outcome, status, answered });
  },
};

/** A ping below the tailnet's own packet filter: it is answered however the policy stands. */
async function ping(machine: Machine, host: string): Promise<boolean> {
  const args = ["ping", "--c", "1", "--timeout", "3s", host];
  const { status } = await run("tailscale", args, { env: machine.env, timeout: pingMilliseconds, stop: machine.stop });
  return status === 0;
}

/**
 * Tells a policy's refusal from a machine that is away: Tailscale drops what the policy forbids without a word, and does
 * not even show a machine of which nothing may be reached.
 */
export function judgePolicy(seen: {
  readonly host: string;
  readonly port: number;
  readonly outcome: Connection;
  readonly status: TailnetAnswer;
  readonly answered: boolean;
}): Verdict {
  const { host, port, outcome, status } = seen;
  if (outcome === "open" || outcome === "refused") return ok("this machine may connect to the server");
  if (typeof status === "string" || "problem" in status) return skipped("the cache is not reached over a tailnet");
  const allow = `allow this machine to reach ${host}:${port}: add it to tailnet.readers and pulumi up (or see npm run doctor)`;
  const node = nodeNamed(status, host);
  if (node === undefined) {
    return isTailnetAddress(host)
      ? failure(`the tailnet shows this machine no ${host}: the policy lets it reach nothing there`, allow)
      : skipped(`${host} is none of the tailnet's machines`);
  }
  if (!node.online) return skipped("the server is offline");
  if (outcome !== "silent") return skipped("the connection did not get so far");
  return seen.answered
    ? failure(
        `the server answers the tailnet's ping, not port ${port}: the policy forbids it, or the server's firewall does`,
        allow,
      )
    : failure(
        "the server is said to be online and does not answer the tailnet's ping either",
        `tailscale ping ${host}`,
      );
}
