import type { Check } from "../check.ts";
import { identity, type Identity } from "../facts/ssh.ts";
import { failure, ok, skipped, type Verdict } from "../finding.ts";

export const identityCheck: Check = {
  name: "identity",
  roles: ["builder"],
  run: ({ paths }) => judgeIdentity(identity(paths.keys)),
};

/** Whether this builder has its keys, and keeps them to itself. */
export function judgeIdentity(found: Identity): Verdict {
  if (found === "ready") return ok("this builder's ssh and signing keys are there, and root's alone");
  const { problem, file } = found;
  if (problem === "absent")
    return failure(
      `${file} is not there`,
      "sudo cachectl keys init; then register them: npm run builders, or pulumi up",
    );
  if (problem === "open")
    return failure(
      `${file} can be read by others`,
      `sudo chmod 400 ${file}; if somebody may have read it: make new keys`,
    );
  return skipped(`${file} is root's: sudo cachectl doctor`);
}
