import type { Check } from "../check.ts";
import { serverRoom, type SshAnswer } from "../facts/ssh.ts";
import { failure, ok, type Verdict } from "../finding.ts";

export const sshCheck: Check = {
  name: "ssh",
  roles: ["builder"],
  needs: ["config", "tailnet", "identity"],
  timeout: 12_000,
  run: async (machine) => judgeSsh(await serverRoom(machine)),
};

/** What ssh, Tailscale SSH and the receiver say, and what is to be done then. The first that fits counts. */
const causes: readonly (readonly [RegExp, string, string])[] = [
  [
    /host key verification failed|host identification has changed|no .*host key is known/i,
    "the server shows another host key than the one in config.json",
    "compare on the server's console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub; if it is right, set server.hostKey and pulumi up",
  ],
  // Tailscale SSH's own words: tailscale's ssh/tailssh/tailssh.go, and its SSHAction's message for a `check` rule.
  [
    /tailnet policy does not permit/i,
    "the tailnet's policy does not let this machine in by ssh",
    "pulumi up adds the rule; npm run doctor shows what the policy lacks",
  ],
  [
    /requires an additional check/i,
    "a rule of the tailnet's policy asks for a person at a browser before it lets ssh in",
    "let the rule of the upload account come first: ssh rules with `check` after the stack's, or without nix-push",
  ],
  [
    /tailscale: failed to look up local user/i,
    "the server has no account that takes uploads",
    "pulumi up deploys the server's module, which makes it",
  ],
  [
    /permission denied/i,
    "the server does not know this builder's ssh key",
    "register it: sudo cachectl keys, put it in the stack's builders, pulumi up",
  ],
  [
    /the tailnet node .* is not one builder's|the tailnet does not know the caller's address/i,
    "the server knows no builder at this machine's tailnet address",
    "set it in the stack: builders[].address (tailscale ip -4), pulumi up",
  ],
  [
    /is no builder's/i,
    "the server knows no builder of this key",
    "register it: sudo cachectl keys, put it in the stack's builders, pulumi up",
  ],
  [
    /ExposeAuthInfo/,
    "the server's sshd does not tell the receiver which key was used",
    "deploy the server's module: pulumi up",
  ],
  [/connection refused/i, "the server's ssh port refuses", "on the server: systemctl status sshd"],
  [
    /timed out|took too long|no route/i,
    "the server's ssh port gives no answer: the policy forbids it, or the server is away",
    "see the lines `port` and `policy`; the policy needs port 22 (or server.sshPort) for builders: pulumi up",
  ],
  [/could not resolve/i, "the server's name does not resolve", "sudo tailscale set --accept-dns=true"],
  [/can't be run/i, "ssh is not installed", "install OpenSSH's client"],
  [
    /: (?:command )?not found|no such file/i,
    "the account is there, its receiver is not",
    "pulumi up deploys the server",
  ],
];

/** Names what is in the way, with what was said itself behind it. */
export function judgeSsh(answer: SshAnswer): Verdict {
  if ("room" in answer) return ok("the server's host key is the one pinned, and it knows this builder");
  const cause = causes.find(([said]) => said.test(answer.problem));
  if (cause === undefined)
    return failure(answer.problem, "sudo cachectl upload; on the server: tail /var/lib/nix-binary-cache/audit.log");
  return failure(`${cause[1]} (${answer.problem.slice(0, 120)})`, cause[2]);
}
