/** Nix's settings, as Nix itself sees them. */
import { fieldsOf, parseJson } from "../../lib/json.ts";
import { lastWords, run } from "../../lib/run.ts";
import { shared } from "../machine.ts";

/** Settings by name; lists are lists of words, whatever form this Nix prints them in. */
export interface NixConfig {
  words(name: string): readonly string[];
  /** Undefined when this Nix does not know the setting. */
  text(name: string): string | undefined;
  number(name: string): number | undefined;
}

const milliseconds = 4000;
const features = ["--extra-experimental-features", "nix-command"];

/**
 * Asks Nix: `nix config show` from 2.19 on, `nix show-config` before. As root, whose settings are the daemon's: only the
 * files of /etc count, not those of the caller's home. Rejects with an Error when Nix gives no answer.
 */
export const nixConfig = shared(async (machine): Promise<NixConfig> => {
  const options = {
    env: { ...machine.env, NIX_USER_CONF_FILES: "/dev/null" },
    timeout: milliseconds,
    stop: machine.stop,
  };
  let answer = await run("nix", [...features, "config", "show", "--json"], options);
  if (answer.status !== 0 && !answer.timedOut)
    answer = await run("nix", [...features, "show-config", "--json"], options);
  if (answer.status !== 0) throw new Error(lastWords(answer));
  return parseNixConfig(parseJson(answer.stdout));
});

/** Reads `{NAME: {value}}`. Nix's names for one thing changed: a setting is found by its aliases too. */
export function parseNixConfig(answer: unknown): NixConfig {
  const values = new Map<string, unknown>();
  for (const [name, entry] of fieldsOf(answer)) {
    const fields = fieldsOf(entry);
    for (const alias of [name, ...list(fields.get("aliases"))]) values.set(alias, fields.get("value"));
  }
  const text = (name: string): string | undefined => {
    const value = values.get(name);
    return ["string", "number", "boolean"].includes(typeof value) ? String(value) : undefined;
  };
  return {
    text,
    words: (name) => list(values.get(name)),
    number: (name) => {
      const value = Number(text(name) ?? NaN);
      return Number.isFinite(value) ? value : undefined;
    },
  };
}

function list(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.filter((item) => typeof item === "string");
  return typeof value === "string" ? value.split(/\s+/).filter((word) => word !== "") : [];
}
