import { everywhere, type Check } from "../check.ts";
import { cacheInfo, parseLines, type Answer } from "../facts/cache-info.ts";
import { failure, ok, warning, type Verdict } from "../finding.ts";

export const cacheInfoCheck: Check = {
  name: "cache-info",
  roles: everywhere,
  needs: ["port"],
  run: async (machine) => judgeCacheInfo(await cacheInfo(machine), machine.settings.priority, machine.paths.store),
};

/** cache.nixos.org's priority: a cache with a lower number is asked before it. */
export const upstreamPriority = 40;

/** `wanted`: the priority that the stack gives, where this machine knows it. */
export function judgeCacheInfo({ status, text }: Answer, wanted: number | undefined, store: string): Verdict {
  if (status === 502 || status === 503 || status === 504) {
    return failure(
      `nginx answers ${status}: what it stands in front of is down`,
      "on the server: systemctl status harmonia",
    );
  }
  if (status === 403)
    return failure("the server answers 403: nginx turns this address away", "on the server: journalctl -u nginx -n 20");
  const fields = parseLines(text);
  const [folder, priorityText = ""] = [fields.get("StoreDir")?.[0], fields.get("Priority")?.[0]];
  if (status !== 200 || folder === undefined) {
    return failure(
      `what answers is no binary cache (status ${status})`,
      "check cache.port, and what else listens there: ss -ltnp",
    );
  }
  if (folder !== store)
    return failure(`the cache is for ${folder}, this machine's store is ${store}`, "one store folder on all machines");
  const priority = /^\d+$/.test(priorityText) ? Number(priorityText) : undefined;
  if (priority === undefined) return warning("says no priority, so Nix takes 50", "set cache.priority and pulumi up");
  if (wanted !== undefined && priority !== wanted) {
    return warning(`priority ${priority}, the stack says ${wanted}`, "pulumi up; pulumi preview shows what differs");
  }
  if (priority <= upstreamPriority) {
    return warning(
      `priority ${priority}: asked before cache.nixos.org (${upstreamPriority})`,
      "set cache.priority over 40 and pulumi up",
    );
  }
  return ok(`answers with priority ${priority}`);
}
