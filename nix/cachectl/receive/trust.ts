import type { Builder } from "../builders/builder.ts";

/**
 * Nix's default key, trusted by every Nix unless the administrator took it out: a path that it signed needs no other
 * signature to be what cache.nixos.org serves.
 */
const defaultKey = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";

/** The public keys named by the server's configuration (`publicKeys`, `upstreams[].publicKey`), whether under `cache` or not. */
export function configuredKeys(config: unknown): string[] {
  const sections = [record(config), record(record(config).get("cache"))];
  const named = sections.flatMap((section) => [
    ...texts(section.get("publicKeys")),
    ...list(section.get("upstreams")).flatMap((upstream) => texts([record(upstream).get("publicKey")])),
  ]);
  return named.length > 0 ? named : [defaultKey];
}

/** Every key that a path of this server can be signed with: the builders' and the configured ones. */
export function knownKeys(builders: readonly Builder[], config: unknown): string[] {
  return [...builders.map((builder) => builder.signingKey), ...configuredKeys(config)];
}

/** The `trusted-public-keys` in what `nix config show --json` (before 2.20: `nix show-config --json`) printed. */
export function keysOfNix(settings: unknown): string[] {
  return texts(record(record(settings).get("trusted-public-keys")).get("value"));
}

function record(value: unknown): ReadonlyMap<string, unknown> {
  return new Map<string, unknown>(typeof value === "object" && value !== null ? Object.entries(value) : []);
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

function texts(value: unknown): string[] {
  return list(value).filter((item) => typeof item === "string");
}
