/** Breakages in what the server's jobs left behind. */
import {
  ago,
  away,
  both,
  type Breakage,
  type Change,
  configured,
  day,
  edited,
  editedJson,
  hour,
  onServer,
  STATE,
} from "./breakage.ts";

const on = "server";
const warning = "warning";

const [populate, retain] = [onServer("populate"), onServer("retain")];
const [scrub, canary] = [onServer("scrub"), onServer("canary")];

const record = (name: string, changes: object): Change =>
  editedJson(on, `${STATE}/${name}.json`, (known) => ({ ...known, ...changes }));

const finding = (outcome: string): object => ({
  path: "/nix/store/x",
  time: ago(hour),
  problem: "",
  detail: "",
  others: [],
  outcome,
});

/** Populate is off in the lab: on, with what its last run came to. */
const populated = (result: object): Change =>
  both(
    configured((config) => ({ ...config, populate: { ...(config.populate as object), enabled: true } })),
    edited(on, `${STATE}/populate/populate.json`, () =>
      JSON.stringify({ version: 1, host: on, flake: "f", problems: [], stopped: false, outputs: [], ...result }),
    ),
  );

/** What a job says by itself, with other settings; its record is put back. */
const ran = (
  verb: readonly string[],
  settings: (config: Record<string, unknown>) => Record<string, unknown>,
  name: string,
): Change => {
  const config = configured(settings);
  return {
    breaks: async (world) => {
      await world.machines.server.run(["cp", "-a", `${STATE}/${name}.json`, `${STATE}/${name}.json.kept`]);
      await config.breaks(world);
      await world.machines.server.run(["cachectl", ...verb]);
    },
    mends: async (world) => {
      await config.mends(world);
      await world.machines.server.must(["mv", "-f", `${STATE}/${name}.json.kept`, `${STATE}/${name}.json`]);
    },
  };
};

export const jobBreakages: readonly Breakage[] = [
  populate(
    "populate has never run",
    both(populated({}), away(on, `${STATE}/populate/populate.json`)),
    /has never run/,
    { level: warning },
  ),
  populate(
    "an output that does not build",
    populated({ finished: ago(hour), outputs: [{ output: "packages.x86_64-linux.hello", status: "failed" }] }),
    /1 of 1 outputs failed \d+ min ago: packages/,
  ),
  populate(
    "a flake that can't be fetched",
    populated({ finished: ago(hour), problems: ["the flake could not be fetched"] }),
    /could not be fetched/,
  ),
  populate("populate was stopped", populated({ finished: ago(hour), stopped: true }), /stopped before its end/, {
    level: warning,
  }),
  populate(
    "populate's timer does not run",
    populated({ finished: ago(20 * day) }),
    /20 days ago: its timer does not run/,
  ),
  retain("retention has never run", away(on, `${STATE}/retain.json`), /has never run/, { level: warning }),
  retain(
    "a budget that is too small for what must stay",
    ran(
      ["retain"],
      (config) => ({ ...config, retention: { ...(config.retention as object), diskBudget: "1KiB" } }),
      "retain",
    ),
    /what must stay is .* the budget 1\.0 KiB; most of it is/,
  ),
  retain(
    "retention failed",
    record("retain", { outcome: "failed", reason: "the collector was killed", time: ago(hour) }),
    /failed \d+ min ago: the collector/,
  ),
  retain(
    "retention's timer does not run",
    record("retain", { time: ago(30 * day) }),
    /30 days ago: its timer does not run/,
  ),
  scrub("scrub has never run", away(on, `${STATE}/scrub.json`), /has never run/, { level: warning }),
  scrub(
    "wrong bytes that could not be mended",
    record("scrub", { findings: [finding("withheld")] }),
    /1 path with wrong bytes/,
  ),
  scrub(
    "bytes that were wrong and then right",
    record("scrub", { findings: [finding("passed")] }),
    /disk or memory is unsound/,
    { level: warning },
  ),
  scrub(
    "a scrub that failed",
    record("scrub", { outcome: "failed", reason: "no disk", updated: ago(hour) }),
    /failed \d+ min ago: no disk/,
  ),
  scrub("scrub's timer does not run", record("scrub", { lastWhole: ago(90 * day) }), /ended 90 days ago/, {
    level: warning,
  }),
  canary("canaries were never flown", away(on, `${STATE}/canary.json`), /none was flown yet/, { level: warning }),
  canary(
    "a canary that was not served",
    edited(on, `${STATE}/canary.json`, () => JSON.stringify([{ at: Date.now() - hour, problem: "the answer is 404" }])),
    /was not served: the answer is 404/,
  ),
  canary(
    "canaries that stopped",
    edited(on, `${STATE}/canary.json`, () => JSON.stringify([{ at: Date.now() - 5 * day, seconds: 1 }])),
    /flown 5 days ago/,
    { level: warning },
  ),
];
