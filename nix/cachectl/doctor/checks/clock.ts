import { everywhere, type Check } from "../check.ts";
import { cacheInfo } from "../facts/cache-info.ts";
import { failure, ok, skipped, warning, type Verdict } from "../finding.ts";

export const clockCheck: Check = {
  name: "clock",
  roles: everywhere,
  needs: ["port"],
  run: async (machine) => {
    const { date, at } = await cacheInfo(machine);
    return judgeClock(date === undefined ? undefined : at - date);
  },
};

const mend =
  process.platform === "darwin" ? "sudo sntp -sS time.apple.com" : "sudo timedatectl set-ntp true; timedatectl";

/** `ahead`: milliseconds that this machine's clock is ahead of the server's; a Date header is whole seconds. */
export function judgeClock(ahead: number | undefined): Verdict {
  if (ahead === undefined) return skipped("the server does not say its time");
  const seconds = Math.round(Math.abs(ahead) / 1000);
  const text = `${seconds} s ${ahead > 0 ? "ahead of" : "behind"} the server's`;
  if (seconds > 300) return failure(`${text}: ages and retention are wrong by as much`, mend);
  if (seconds > 30) return warning(text, mend);
  return ok(seconds <= 2 ? "as the server's" : text);
}
