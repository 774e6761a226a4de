/** Which outputs a run makes. */
import type { Account, PopulateCall } from "./account.ts";
import { type FlakeOutput, flakeOutput, isDarwin, parseAttribute, showAttribute } from "./attribute.ts";
import { discover } from "./discover.ts";
import type { FetchedFlake } from "./flake.ts";
import type { PopulateHost } from "./host.ts";

/** The outputs of this run: those asked for, those of the settings, or those found. */
export async function choose(
  { settings, only, before, progress }: PopulateCall,
  { nix }: PopulateHost,
  { flake }: FetchedFlake,
  systems: readonly string[],
  account: Account,
): Promise<FlakeOutput[]> {
  const listed = only.length > 0 ? only : settings.outputs;
  if (listed !== undefined) {
    const paths = listed.map(parseAttribute);
    account.discovered = { fingerprint: "", outputs: [], left: paths.filter(isDarwin) };
    return paths.filter((path) => !isDarwin(path)).map(flakeOutput);
  }
  if (before?.discovered?.fingerprint === flake.fingerprint) {
    account.discovered = before.discovered;
  } else {
    progress.note("finding its outputs");
    const { discovery, unlisted } = await discover(nix, flake, systems, settings.timeoutSeconds);
    account.problems.push(...unlisted.map(({ path, reason }) => `${showAttribute(path)} can't be listed: ${reason}`));
    // A list that is not whole is made anew the next time.
    account.discovered = unlisted.length === 0 ? discovery : { ...discovery, fingerprint: "" };
  }
  return account.discovered.outputs.map(flakeOutput);
}
