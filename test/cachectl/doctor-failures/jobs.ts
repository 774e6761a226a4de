/** In what the server's jobs left behind. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Failure, hour, day, ago } from "./failure.ts";

export const jobs: readonly Failure[] = [
  {
    what: "populate has never run",
    on: "server",
    provoke: (world) => rmSync(join(world.paths.state, "populate.json")),
    check: "populate",
    level: "warning",
    says: /never run/,
  },
  {
    what: "an output failed",
    on: "server",
    provoke: (world) =>
      world.populate({ finished: ago(hour), outputs: [{ output: "packages.x86_64-linux.hello", status: "failed" }] }),
    check: "populate",
    level: "failure",
    says: /1 of 1 outputs failed 60 min ago: packages/,
  },
  {
    what: "populate could not get the flake",
    on: "server",
    provoke: (world) => world.populate({ finished: ago(hour), problems: ["the flake could not be fetched"] }),
    check: "populate",
    level: "failure",
    says: /could not be fetched/,
  },
  {
    what: "populate was stopped",
    on: "server",
    provoke: (world) => world.populate({ finished: ago(hour), stopped: true }),
    check: "populate",
    level: "warning",
    says: /stopped before its end/,
  },
  {
    what: "populate's timer does not run",
    on: "server",
    provoke: (world) => world.populate({ finished: ago(20 * day) }),
    check: "populate",
    level: "failure",
    says: /20 days ago: its timer does not run/,
  },
  {
    what: "retention has never run",
    on: "server",
    provoke: (world) => rmSync(join(world.paths.state, "retain.json")),
    check: "retain",
    level: "warning",
    says: /never run/,
  },
  {
    what: "what must stay is over the budget",
    on: "server",
    provoke: (world) =>
      world.retain({
        time: ago(hour),
        outcome: "over-budget",
        plan: { keptBytes: 2048, effectiveBudgetBytes: 1024, holders: [{ group: "desktop", bytes: 2000, roots: 1 }] },
      }),
    check: "retain",
    level: "failure",
    says: /must stay is 2\.0 KiB, the budget 1\.0 KiB; most of it is desktop/,
  },
  {
    what: "retention failed",
    on: "server",
    provoke: (world) => world.retain({ time: ago(hour), outcome: "failed", reason: "the collector was killed" }),
    check: "retain",
    level: "failure",
    says: /the collector was killed/,
  },
  {
    what: "retention's timer does not run",
    on: "server",
    provoke: (world) => world.retain({ time: ago(30 * day) }),
    check: "retain",
    level: "failure",
    says: /30 days ago: its timer does not run/,
  },
  {
    what: "the server's disk has less than is kept free",
    on: "server",
    provoke: (world) => (world.config = { ...world.config, limits: { minFreeBytes: "9000TiB" } }),
    check: "server-disk",
    level: "failure",
    says: /no upload is taken/,
  },
];
