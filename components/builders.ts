/** Who may upload, as the server is told: builders of the configuration, those that Pulumi installs on, and CI. */
import * as pulumi from "@pulumi/pulumi";
import type { RegisteredBuilder } from "./cache-server/index.ts";
import type { CiPublisher } from "./ci-publisher/index.ts";
import type { StackConfig } from "./config.ts";
import type { UploadHook } from "./upload-hook/index.ts";

/**
 * The registrations, in the configuration's order, CI last.
 *
 * @param hooks the components of builders with `install: ssh`, by the builder's name
 */
export function registeredBuilders(
  config: StackConfig,
  hooks: ReadonlyMap<string, UploadHook>,
  ci: CiPublisher | undefined,
): RegisteredBuilder[] {
  const machines = config.builders.map(({ name, system, sshKey, signingKey }) => ({
    name,
    system,
    publicHalves: hooks.get(name)?.publicHalves ?? JSON.stringify({ sshKey, signingKey }),
  }));
  if (ci === undefined) return machines;
  // Under Tailscale SSH nobody presents a key: the tag of CI's nodes is what it is known by.
  const tailnet = config.server.ssh === "tailscale" ? { tailnet: config.tailnet.tags.ci } : {};
  const publicHalves = pulumi
    .all([ci.signingKey, ci.sshKey])
    .apply(([signingKey, sshKey]) => JSON.stringify({ signingKey, sshKey, ...tailnet }));
  return [...machines, { name: "ci", system: "aarch64-darwin", publicHalves }];
}
