/** The package of the main job: one that no machine has ever built, so that who builds it and who fetches it is plain. */
import { randomBytes } from "node:crypto";
import type { Machine } from "../machines/machine.ts";

/** A package's expression, as its users have it in a file of theirs. */
export interface Package {
  readonly name: string;
  /** Nix text: a derivation for x86_64-linux that needs /bin/sh alone. */
  readonly expression: string;
  /** What the built file holds. */
  readonly contents: string;
}

/**
 * A package that never was.
 *
 * @param dependencies packages whose outputs it holds references to
 * @param kibibytes how much it takes at least
 */
export function newPackage(name: string, dependencies: readonly Package[] = [], kibibytes = 0): Package {
  const contents = `${name} ${randomBytes(8 + kibibytes * 512).toString("hex")}`;
  const references = dependencies.map(({ expression }) => `\${${expression}}`).join(" ");
  const text = `${contents}${references === "" ? "" : ` ${references}`}`;
  return { name, contents, expression: derivation(name, text) };
}

function derivation(name: string, text: string): string {
  const fields = [
    `name = "${name}";`,
    'system = "x86_64-linux";',
    'builder = "/bin/sh";',
    `args = [ "-c" "echo '${text}' > $out" ];`,
  ];
  return `(derivation { ${fields.join(" ")} })`;
}

/** One build, or fetch, as the machine's user sees it. */
export interface Built {
  readonly path: string;
  /** Nix's own words. */
  readonly log: string;
  readonly seconds: number;
}

const BUILD_SECONDS = 120;

/** Builds packages on a machine as its user does, through the daemon. @throws Error with Nix's last words */
export async function build(machine: Machine, ...packages: readonly Package[]): Promise<Built> {
  const file = `/tmp/${packages[0]?.name ?? "none"}-${randomBytes(4).toString("hex")}.nix`;
  await machine.writeFile(file, `[ ${packages.map(({ expression }) => expression).join("\n")} ]\n`, 0o644);
  const started = performance.now();
  const argv = ["nix-build", file, "--no-out-link"];
  const { stdout, stderr } = await machine.must(argv, { user: "alice", timeoutSeconds: BUILD_SECONDS });
  const path = stdout.trim().split("\n").at(-1) ?? "";
  return { path, log: stderr, seconds: secondsSince(started) };
}

/** Seconds, to the millisecond, since a `performance.now()`. */
export function secondsSince(started: number): number {
  return Math.round(performance.now() - started) / 1000;
}
