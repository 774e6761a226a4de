import type { Check } from "../check.ts";
import { serverRoom, type ServerRoom } from "../facts/ssh.ts";
import { failure, ok, skipped, warning, type Verdict } from "../finding.ts";
import { showBytes } from "../../receive/sizes.ts";
import { diskSpace, parseLimits } from "../../receive/limits.ts";

export const serverDiskCheck: Check = {
  name: "server-disk",
  roles: ["builder", "server"],
  needs: ["ssh"],
  timeout: 12_000,
  run: async (machine) => {
    if (machine.roles.includes("server")) {
      const { minFreeBytes } = parseLimits(machine.config);
      return judgeServerDisk({ ...diskSpace(machine.paths.store), minFreeBytes, bytesToday: 0, dailyLimit: Infinity });
    }
    const answer = await serverRoom(machine);
    return "room" in answer ? judgeServerDisk(answer.room) : skipped("the server did not say");
  },
};

/** Uploads stop where the free space would fall below `minFreeBytes`. */
export function judgeServerDisk({ freeBytes, totalBytes, minFreeBytes, bytesToday, dailyLimit }: ServerRoom): Verdict {
  const free = `${showBytes(freeBytes)} of ${showBytes(totalBytes)} free`;
  if (freeBytes <= minFreeBytes) {
    return failure(
      `${free}, of which ${showBytes(minFreeBytes)} stay so: no upload is taken`,
      "on the server: sudo cachectl retain; or lower retention.diskBudget and pulumi up",
    );
  }
  if (freeBytes < minFreeBytes * 2 || freeBytes < totalBytes * 0.05) {
    return warning(
      `${free}: nearly full`,
      "on the server: sudo cachectl retain; or lower retention.diskBudget and pulumi up",
    );
  }
  if (bytesToday >= dailyLimit) {
    return warning(
      `this builder has sent ${showBytes(bytesToday)} today, as much as it may`,
      "it goes on tomorrow; or raise limits.dailyBytes",
    );
  }
  return ok(free);
}
