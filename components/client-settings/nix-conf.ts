/** The same settings as nix/modules/client-settings.nix, as nix.conf text, for Macs that no Nix configuration manages. */
import type { NixVars } from "./client-settings.ts";

/**
 * Lines for nix.conf. They add to what the user has (`extra-`), and name a reason where the value is not Nix's own.
 *
 * @param hook absolute path of the post-build hook; absent: builds are not uploaded
 */
export function nixConf({ cache }: Pick<NixVars, "cache">, hook?: string): string {
  const lines = [
    "# Written by nix-binary-cache (pulumi up); changes made here are lost.",
    `extra-substituters = ${cache.url}`,
    `extra-trusted-public-keys = ${cache.publicKeys.join(" ")}`,
    "# An absent server costs a moment, not a build:",
    "fallback = true",
    `connect-timeout = ${cache.connectTimeoutSeconds}`,
    `download-attempts = ${cache.downloadAttempts}`,
    "# What another machine just built is seen soon:",
    `narinfo-cache-negative-ttl = ${cache.narinfoNegativeTtlSeconds}`,
    ...(hook === undefined ? [] : [`post-build-hook = ${hook}`]),
  ];
  return `${lines.join("\n")}\n`;
}
