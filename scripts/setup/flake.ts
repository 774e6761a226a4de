/** What a flake has to offer: the names of its configurations. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Names of a flake's configurations, in order. */
export interface FlakeOutputs {
  readonly nixos: readonly string[];
  readonly darwin: readonly string[];
}

/** Why they are unknown, in a sentence. */
export interface UnknownOutputs {
  readonly reason: string;
}

// A flake that has never been fetched is downloaded first.
const timeout = 120_000;

/** Asks Nix; a flake that only the server can see (a path on it, a private repository) is no error, but unknown. */
export async function flakeOutputs(flake: string, program = "nix"): Promise<FlakeOutputs | UnknownOutputs> {
  const shown = await nix(program, ["flake", "show", "--json", "--no-write-lock-file", flake]);
  if (typeof shown !== "string") return shown;
  const outputs = readFlakeShow(shown);
  if ("reason" in outputs || outputs.darwin !== "unknown") return outputs as FlakeOutputs | UnknownOutputs;
  // Nix itself knows nothing of nix-darwin and shows no names there; Determinate Nix does.
  const names = await nix(program, [
    "eval",
    "--json",
    `${flake}#darwinConfigurations`,
    "--apply",
    "builtins.attrNames",
  ]);
  return { ...outputs, darwin: typeof names === "string" ? readNames(names) : [] };
}

async function nix(program: string, args: readonly string[]): Promise<string | UnknownOutputs> {
  const features = ["--extra-experimental-features", "nix-command flakes"];
  try {
    const options = { timeout, maxBuffer: 64 * 1024 * 1024 };
    return (await promisify(execFile)(program, [...features, ...args], options)).stdout;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { reason: "nix is not installed here" };
    const said = lastLine((error as { stderr?: string }).stderr ?? "");
    return { reason: said === "" ? `nix ${args[0] ?? ""} did not finish` : said };
  }
}

function readNames(text: string): string[] {
  const names = parse(text);
  return Array.isArray(names) ? names.filter((name) => typeof name === "string").sort() : [];
}

/**
 * Reads `nix flake show --json`: Nix's own form, {output: {name: …}}, and Determinate Nix's, under "inventory".
 *
 * @returns "unknown" for darwin where the flake has such an output, and its names are not shown
 */
export function readFlakeShow(
  text: string,
): { readonly nixos: readonly string[]; readonly darwin: readonly string[] | "unknown" } | UnknownOutputs {
  const outputs = asRecord(parse(text));
  if (outputs === undefined) return { reason: "nix flake show printed something else than an object" };
  const nixos = namesOf(outputs, "nixosConfigurations");
  const darwin = namesOf(outputs, "darwinConfigurations");
  return { nixos: nixos === "unknown" ? [] : nixos, darwin };
}

function namesOf(outputs: Record<string, unknown>, output: string): string[] | "unknown" {
  const inventory = asRecord(outputs.inventory);
  const entry = asRecord((inventory ?? outputs)[output]);
  if (entry === undefined) return [];
  const names = inventory === undefined ? entry : asRecord(asRecord(entry.output)?.children);
  return names === undefined || names.type === "unknown" ? "unknown" : Object.keys(names).sort();
}

function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function lastLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  return (
    lines.filter((line) => line.startsWith("error:")).at(-1) ??
    lines.filter((line) => line !== "").at(-1) ??
    ""
  ).slice(0, 300);
}
