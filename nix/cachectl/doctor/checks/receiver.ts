import type { Check } from "../check.ts";
import { failure, ok, type Verdict } from "../finding.ts";
import { isExecutable } from "../../lib/executable.ts";
import { run } from "../../lib/run.ts";

const account = "nix-push";

export const receiverCheck: Check = {
  name: "receiver",
  roles: ["server"],
  run: async ({ settings, env, stop }) => {
    const { status, stdout } = await run("getent", ["passwd", account], { env, timeout: 3000, stop });
    const shell = status === 0 ? (stdout.trim().split(":")[6] ?? "") : undefined;
    const verdict = judgeReceiver(shell, shell !== undefined && isExecutable(shell));
    if (verdict.level !== "ok" || settings.sshServer !== "tailscale") return verdict;
    const args = ["show", "--property=Environment", "--value", "tailscaled.service"];
    const tailscaled = await run("systemctl", args, { env, timeout: 3000, stop });
    return judgeTailscaled(tailscaled.stdout.trim().split(" ")) ?? verdict;
  },
};

/**
 * What Tailscale SSH serves by itself, without asking the login shell, unless it is told not to (tailscale's
 * ssh/tailssh/tailssh.go). The server's module sets both.
 */
const switches = ["TS_SSH_DISABLE_SFTP=true", "TS_SSH_DISABLE_FORWARDING=true"];

/** `environment`: that of tailscaled's unit. Undefined: it keeps builders to their login shell. */
export function judgeTailscaled(environment: readonly string[]): Verdict | undefined {
  const missing = switches.filter((setting) => !environment.includes(setting));
  if (missing.length === 0) return undefined;
  return failure(
    `Tailscale SSH lets builders past ${account}'s login shell: tailscaled runs without ${missing.join(" ")}`,
    "pulumi up deploys the server's module, which sets it",
  );
}

/** `shell`: the account's login shell, which is what answers builders; undefined without the account. */
export function judgeReceiver(shell: string | undefined, executable: boolean): Verdict {
  const mend = "pulumi up deploys the server's module, which makes the account";
  if (shell === undefined) return failure(`there is no account ${account}: nobody can upload`, mend);
  if (!executable) return failure(`${account}'s login shell ${shell} is not there: every upload is broken off`, mend);
  if (/\/(?:nologin|false)$/.test(shell))
    return failure(`${account} has ${shell} for a shell: nobody can upload`, mend);
  // Any other shell would let every builder run what it likes.
  if (/\/(?:sh|bash|zsh|fish|dash)$/.test(shell)) {
    return failure(`${account} has ${shell} for a shell: builders can do more than upload`, mend);
  }
  return ok(`${account}'s login shell is ${shell}`);
}
