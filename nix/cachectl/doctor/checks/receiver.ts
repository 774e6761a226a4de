import type { Check } from "../check.ts";
import { failure, ok, type Verdict } from "../finding.ts";
import { isExecutable } from "../../lib/executable.ts";
import { run } from "../../lib/run.ts";

const account = "nix-push";

export const receiverCheck: Check = {
  name: "receiver",
  roles: ["server"],
  run: async ({ env, stop }) => {
    const { status, stdout } = await run("getent", ["passwd", account], { env, timeout: 3000, stop });
    const shell = status === 0 ? (stdout.trim().split(":")[6] ?? "") : undefined;
    return judgeReceiver(shell, shell !== undefined && isExecutable(shell));
  },
};

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
