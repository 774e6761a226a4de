/**
 * The paths that the store's own machine built, in what `nix path-info --json` printed: a list with `path` (before Nix
 * 2.19), an object by path (2.19 on), or that object under `info` (JSON format 2).
 */
export function builtHereIn(answer: unknown): ReadonlySet<string> {
  const entries = Array.isArray(answer)
    ? (answer as readonly unknown[]).map((info) => [String(property(info, "path")), info] as const)
    : Object.entries(Object(property(answer, "info") ?? answer) as Record<string, unknown>);
  return new Set(
    entries
      .filter(([, info]) => property(info, "ultimate") === true)
      .map(([path]) => (path.startsWith("/nix/store/") ? path : `/nix/store/${path}`)),
  );
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? new Map<string, unknown>(Object.entries(value)).get(name)
    : undefined;
}
