/** What clients get from a cache that they ask before ours. */
import { queryNarinfo } from "../coverage/narinfo.ts";
import type { BuildPlan } from "../coverage/plan.ts";
import type { FlakeOutput } from "./attribute.ts";
import type { Evaluated } from "./evaluate.ts";
import type { Filling } from "./fill.ts";

/**
 * Whether clients get every path of it from a cache that they ask before ours. A machine's system is kept all the same.
 * An upstream that does not answer has nothing.
 */
export async function isUpstream(
  { settings: { upstreams }, nix: { stop } }: Filling,
  { kind }: FlakeOutput,
  { outputs, open }: Evaluated,
  { builds }: BuildPlan,
): Promise<boolean> {
  if (kind === "system" || open || outputs.size === 0 || builds.length > 0) return false;
  const has = (url: string, path: string): Promise<boolean> =>
    queryNarinfo(url, path, stop).then(
      (narinfo) => narinfo !== undefined,
      () => false,
    );
  const everywhere = [...outputs.values()].map((path) => Promise.all(upstreams.map(({ url }) => has(url, path))));
  return (await Promise.all(everywhere)).every((answers) => answers.includes(true));
}
