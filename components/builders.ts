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
  // Under Tailscale SSH nobody presents a key: a builder is known by its address, and CI's nodes by their tag.
  const known = (identity: string | undefined): { readonly tailnet?: string } =>
    config.server.ssh === "tailscale" && identity !== undefined ? { tailnet: identity } : {};
  const machines = config.builders.map(({ name, system, sshKey, signingKey, address }) => ({
    name,
    system,
    publicHalves: pulumi
      .output(hooks.get(name)?.publicHalves ?? JSON.stringify({ sshKey, signingKey }))
      .apply((halves) => withIdentity(halves, known(address))),
  }));
  if (ci === undefined) return machines;
  const publicHalves = pulumi
    .all([ci.signingKey, ci.sshKey])
    .apply(([signingKey, sshKey]) => JSON.stringify({ signingKey, sshKey, ...known(config.tailnet.tags.ci) }));
  return [...machines, { name: "ci", system: "aarch64-darwin", publicHalves }];
}

/** A machine that has no keys yet stays as it is told of. */
function withIdentity(halves: string, identity: { readonly tailnet?: string }): string {
  const known = JSON.parse(halves) as Readonly<Record<string, string>>;
  return "pending" in known || identity.tailnet === undefined ? halves : JSON.stringify({ ...known, ...identity });
}
