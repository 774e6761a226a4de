import { everywhere, type Check } from "../check.ts";
import { cacheUrl, hostOf } from "../facts/cache-url.ts";
import { isTailnetAddress, tailnet, type TailnetAnswer } from "../facts/tailnet.ts";
import { failure, ok, warning, type Verdict } from "../finding.ts";

export const tailnetCheck: Check = {
  name: "tailnet",
  roles: everywhere,
  run: async (machine) => {
    const host = await cacheUrl(machine)
      .then(hostOf)
      .catch(() => undefined);
    return judgeTailnet(await tailnet(machine), host, Date.now());
  },
};

const day = 24 * 3600_000;
const soon = 14 * day;

/** `host` is the cache's. A machine without Tailscale is well where the cache is not on a tailnet. */
export function judgeTailnet(answer: TailnetAnswer, host: string | undefined, now: number): Verdict {
  if (answer === "absent") {
    return host !== undefined && isTailnetAddress(host)
      ? failure(
          `${host} is on a tailnet, and Tailscale is not installed here`,
          "install Tailscale, then: sudo tailscale up",
        )
      : ok("Tailscale is not installed, and the cache's address needs none");
  }
  if ("problem" in answer) {
    return failure(
      `tailscale gives no answer: ${answer.problem}`,
      "sudo systemctl restart tailscaled (on a Mac: open the Tailscale app)",
    );
  }
  const { state, self, health } = answer;
  if (state === "NeedsLogin") return failure("this machine is logged out of the tailnet", "sudo tailscale up");
  if (state === "NeedsMachineAuth") {
    return failure("this machine waits for approval", "approve it: https://login.tailscale.com/admin/machines");
  }
  if (state !== "Running") return failure(`the tailnet is down here (${state})`, "sudo tailscale up");
  const left = self.keyExpiry === undefined ? Infinity : Date.parse(self.keyExpiry) - now;
  if (left <= 0) return failure("this machine's key has expired", "sudo tailscale up --force-reauth");
  if (!self.online)
    return failure("up, but without a connection to the tailnet's control server", "tailscale netcheck");
  if (left < soon) {
    return warning(
      `up; this machine's key expires in ${Math.ceil(left / day)} days`,
      "sudo tailscale up --force-reauth",
    );
  }
  const [complaint] = health;
  if (complaint !== undefined) return warning(`up, with a complaint: ${complaint.slice(0, 160)}`, "tailscale status");
  return ok(`up as ${self.dnsName === "" ? self.hostName : self.dnsName}`);
}
