import type { Check } from "../check.ts";
import { cacheInfo, get, parseLines } from "../facts/cache-info.ts";
import { below, cacheUrl } from "../facts/cache-url.ts";
import { nixConfig } from "../facts/nix-config.ts";
import { rememberedPriorities, type Remembered } from "../facts/remembered.ts";
import { upstreamPriority } from "./cache-info.ts";
import { failure, ok, warning, type Verdict } from "../finding.ts";
import { showDuration } from "../show.ts";

/** One substituter, in Nix's own list order. */
export interface Substituter {
  readonly url: string;
  readonly ours: boolean;
  /** From `?priority=`, or what the cache itself says now; undefined when neither could be had. */
  readonly priority: number | undefined;
  /** What Nix has in its own notes, which it believes for up to seven days. */
  readonly remembered?: Remembered | undefined;
}

const othersMilliseconds = 2500;
const byDefault = 50;
const publicCache = "https://cache.nixos.org";

export const substitutersCheck: Check = {
  name: "substituters",
  roles: ["builder", "client"],
  needs: ["name"],
  run: async (machine) => {
    const [config, cache] = [await nixConfig(machine), await cacheUrl(machine)];
    const notes = rememberedPriorities(machine.env);
    const found = config.words("substituters").map(async (url): Promise<Substituter> => {
      const plain = url.replace(/\?.*$/, "").replace(/\/+$/, "");
      const ours = plain === below(cache, "").replace(/\/+$/, "");
      const written = /[?&]priority=(\d+)/.exec(url)?.[1];
      // Nix takes `?priority=` first, then what the cache says (NixOS/nix, http-binary-cache-store.cc).
      if (written !== undefined) return { url: plain, ours, priority: Number(written), remembered: notes.get(plain) };
      const asked = ours ? cacheInfo(machine) : get(`${plain}/nix-cache-info`, machine.stop, othersMilliseconds);
      const said = /^https?:/.test(plain) ? await asked.then(({ text }) => text).catch(() => "") : "";
      const priority = parseLines(said).get("Priority")?.[0];
      return {
        url: plain,
        ours,
        priority: /^\d+$/.test(priority ?? "") ? Number(priority) : undefined,
        remembered: notes.get(plain),
      };
    });
    return judgeSubstituters(await Promise.all(found), below(cache, "").replace(/\/+$/, ""), Date.now());
  },
};

/** `found` in list order, which breaks ties; Nix asks those with the lowest number first. */
export function judgeSubstituters(found: readonly Substituter[], cache: string, now: number): Verdict {
  const rank = ({ url, priority, remembered }: Substituter): number =>
    remembered?.priority ?? priority ?? (url === publicCache ? upstreamPriority : byDefault);
  const order = [...found].sort((a, b) => rank(a) - rank(b));
  const shown = order.map((one) => `${one.url.replace(/^https?:\/\//, "")} (${rank(one)})`).join(", then ");
  const ours = found.find((one) => one.ours);
  if (ours === undefined) {
    return failure(
      `Nix does not ask ${cache}; it asks ${shown || "nobody"}`,
      "import the client module and rebuild, or pulumi up; then restart the Nix daemon",
    );
  }
  const { remembered, priority } = ours;
  if (remembered !== undefined && priority !== undefined && remembered.priority !== priority) {
    const age = showDuration(now - remembered.at);
    return warning(
      `Nix still believes priority ${remembered.priority} (noted ${age} ago), the cache says ${priority}`,
      "sudo rm -f ~root/.cache/nix/binary-cache-v*.sqlite* ~/.cache/nix/binary-cache-v*.sqlite*",
    );
  }
  const upstream = order.find((one) => !one.ours);
  if (upstream !== undefined && order[0]?.ours === true) {
    return warning(
      `asked in this order: ${shown}: ours before the public one`,
      "set cache.priority over 40 and pulumi up",
    );
  }
  return ok(`asked in this order: ${shown}`);
}
