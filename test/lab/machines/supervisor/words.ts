/** Command lines of unit files. Source: systemd.service(5), "COMMAND LINES". */

/** One command of a unit: `ignoreFailure` is the prefix "-". */
export interface Command {
  readonly argv: readonly string[];
  readonly ignoreFailure: boolean;
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", s: " ", "\\": "\\", '"': '"', "'": "'" };

/** Splits at white space outside quotes; quotes and backslash escapes are taken off. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let index = 0; index < text.length; index += 1) {
    const char = text.charAt(index);
    if (char === "\\" && quote !== "'") {
      index += 1;
      const next = text.charAt(index);
      word = (word ?? "") + (ESCAPES[next] ?? `\\${next}`);
    } else if (quote !== "") {
      if (char === quote) quote = "";
      else word = (word ?? "") + char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= "";
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + char;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** Puts in what %n, %N, %p, %i, %t, %S, %E, %C, %L, %H and %% stand for; any other stays. */
export function expandSpecifiers(text: string, unit: string, host: string): string {
  const base = unit.replace(/\.[a-z]+$/, "");
  const [prefix = base, instance = ""] = base.split("@");
  const values: Readonly<Record<string, string>> = {
    n: unit,
    N: base,
    p: prefix,
    i: instance,
    I: instance,
    t: "/run",
    S: "/var/lib",
    C: "/var/cache",
    L: "/var/log",
    E: "/etc",
    d: `/run/credentials/${unit}`,
    H: host,
    "%": "%",
  };
  return text.replaceAll(/%([a-zA-Z%])/g, (whole, letter: string) => values[letter] ?? whole);
}

/** One Exec line. Prefixes other than "-" change privileges or arguments' names and are taken off. */
export function parseCommand(text: string): Command {
  const [, prefixes = "", rest = ""] = /^([-@:+!]*)(.*)$/s.exec(text.trim()) ?? [];
  return { argv: splitWords(rest), ignoreFailure: prefixes.includes("-") };
}

/** Puts in variables: `$NAME` as a word of its own becomes its words, `${NAME}` inside a word its text. */
export function expandVariables(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): string[] {
  return argv.flatMap((word) => {
    const alone = /^\$([A-Za-z_][A-Za-z0-9_]*)$/.exec(word)?.[1];
    if (alone !== undefined) return (env[alone] ?? "").split(/\s+/).filter((part) => part !== "");
    const replaced = word.replaceAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_whole, name: string) => env[name] ?? "");
    return [replaced.replaceAll("$$", "$")];
  });
}
