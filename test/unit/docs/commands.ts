/** What has to exist for a command in the documentation to be one. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { secretKeys } from "../../../components/config.ts";
import { checks } from "../../../nix/cachectl/doctor/checks.ts";
import { usage } from "../../../scripts/setup/answers.ts";
import { read, root } from "./markdown.ts";

/** Pulumi's commands that the documentation uses, with their flags: Pulumi's CLI documentation, 3.259. */
const pulumi: Readonly<Record<string, readonly string[]>> = {
  login: [],
  stack: ["--show-urns", "--stack"],
  "stack init": [],
  "stack rm": [],
  "stack output": ["--stack"],
  "state delete": ["--stack", "--target-dependents"],
  "config set": ["--secret", "--stack", "--path"],
  preview: ["--stack", "--diff", "--expect-no-changes", "--refresh"],
  up: ["--stack"],
  destroy: ["--stack"],
  cancel: ["--stack"],
  refresh: ["--clear-pending-creates", "--stack"],
};

/** Programs of others: that they exist is not ours to prove. */
const others = /^(export|git|mv|ssh-keyscan|darwin-rebuild|nixos-rebuild|nix|nix-collect-garbage|tailscale|bash|cp)$/;

const scripts = (JSON.parse(read("package.json")) as { scripts: Record<string, string> }).scripts;
const runner = read("scripts/run.sh");

const doctorChecks = new Set(checks.map(({ name }) => name));

/** The commands of a block: comments and redirections taken away, one a line, `sudo` and variables before it too. */
export function commandsOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.replace(/(^|\s)#.*$/, "").replace(/\s[<>].*$/, ""))
    .map((line) => line.trim().replace(/^sudo (-u \S+ )?/, ""))
    .filter((line) => line !== "");
}

/** What is wrong with a command; undefined: nothing that can be told without running it. */
export function wrongWith(command: string): string | undefined {
  const words = command.split(/\s+/);
  const [program = "", verb = "", ...rest] = words;
  if (program === "npm") return wrongWithNpm(verb, rest);
  if (program === "cachectl") return wrongWithCachectl(verb, rest);
  if (program === "pulumi") return wrongWithPulumi(words.slice(1));
  if (program === "systemctl" || program === "journalctl") return wrongWithUnits(rest);
  return others.test(program) ? undefined : `${program} is no program that is known here`;
}

function wrongWithNpm(verb: string, [script = "", ...rest]: readonly string[]): string | undefined {
  if (verb === "ci") return undefined;
  const name = verb === "run" ? script : verb;
  if (scripts[name] === undefined) return `package.json has no script ${name}`;
  if (!new RegExp(`^${name}\\) exec`, "m").test(runner)) return `scripts/run.sh has no verb ${name}`;
  const text =
    name === "setup" ? usage : existsSync(join(root, `scripts/${name}.ts`)) ? read(`scripts/${name}.ts`) : "";
  const flag = flagsOf(rest).find((candidate) => !new RegExp(`${candidate}(?![a-z-])`).test(text));
  return flag === undefined ? undefined : `npm run ${name} has no ${flag}`;
}

const usages = new Map<string, string>();

/** What the program itself says of a verb; "" when there is none. */
export function usageOf(verb: string): string {
  const known = usages.get(verb);
  if (known !== undefined) return known;
  const args = [join(root, "nix/cachectl/main.ts"), verb, "--help"];
  let said = "";
  try {
    said = execFileSync(process.execPath, args, {
      encoding: "utf8",
      timeout: 20_000,
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch {
    // There is none: the caller says so.
  }
  usages.set(verb, said);
  return said;
}

function wrongWithCachectl(verb: string, rest: readonly string[]): string | undefined {
  const said = usageOf(verb);
  if (!said.includes(`usage: cachectl ${verb}`)) return `cachectl has no verb ${verb}`;
  if (verb === "doctor") {
    const unknown = rest.find((word) => /^[a-z-]+$/.test(word) && !word.startsWith("--") && !doctorChecks.has(word));
    if (unknown !== undefined) return `doctor has no check ${unknown}`;
  }
  const flag = flagsOf(rest).find((name) => name !== "--json" && !said.includes(name));
  if (flag !== undefined) return `cachectl ${verb} has no ${flag}`;
  const [second] = rest;
  const subVerbs = ["keys", "queue", "builders"].includes(verb) && second !== undefined && /^[a-z]+$/.test(second);
  return subVerbs && !said.includes(second) ? `cachectl ${verb} has no ${second}` : undefined;
}

function wrongWithPulumi(words: readonly string[]): string | undefined {
  const [first = "", second = ""] = words;
  const name = [`${first} ${second}`, first].find((candidate) => Object.hasOwn(pulumi, candidate));
  if (name === undefined) return `pulumi ${first} is not on the list`;
  const flag = flagsOf(words).find((candidate) => pulumi[name]?.includes(candidate) !== true);
  if (flag !== undefined) return `pulumi ${name}: ${flag} is not on the list`;
  if (name !== "config set" || !words.includes("--secret")) return undefined;
  const key = words.slice(2).find((word) => !word.startsWith("--"));
  return key !== undefined && Object.hasOwn(secretKeys, key) ? undefined : `${key ?? "nothing"} is no secret setting`;
}

function wrongWithUnits(rest: readonly string[]): string | undefined {
  const units = rest.flatMap((word) => /^(nix-binary-cache-[a-z]+)/.exec(word)?.slice(1) ?? []);
  const modules = readdirSync(join(root, "nix"), { recursive: true, encoding: "utf8" })
    .filter((file) => /\.(nix|service|timer|path)$/.test(file))
    .map((file) => read(`nix/${file}`) + file)
    .join("\n");
  const unknown = units.find((unit) => !new RegExp(`${unit}(?![a-z-])`).test(modules));
  return unknown === undefined ? undefined : `nix/ has no unit ${unknown}`;
}

function flagsOf(words: readonly string[]): string[] {
  return words.filter((word) => /^--[a-z]/.test(word)).map((word) => word.replace(/=.*$/, ""));
}
