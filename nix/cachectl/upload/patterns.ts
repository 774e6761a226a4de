/** The part of a store path's base name after the hash: "hello-2.12" of `/nix/store/…-hello-2.12`. */
export function nameOf(path: string): string {
  return path.slice("/nix/store/".length + 33);
}

/** The first of the shell patterns (`*`, `?`, `[…]`) that matches a whole name; undefined when none does. */
export function matchingPattern(name: string, patterns: readonly string[]): string | undefined {
  return patterns.find((pattern) => expressionOf(pattern).test(name));
}

function expressionOf(pattern: string): RegExp {
  const source = pattern.replaceAll(/\[!?[^\]]+\]|[\s\S]/g, (part) => {
    if (part === "*") return ".*";
    if (part === "?") return ".";
    if (part.length > 1) return `[${part.slice(1, -1).replace(/^!/, "^").replaceAll("\\", "\\\\")}]`;
    return part.replace(/[\\^$.|+(){}[\]]/, "\\$&");
  });
  return new RegExp(`^${source}$`, "s");
}
