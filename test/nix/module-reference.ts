/**
 * nix/modules/options.md: every option of the modules, as they themselves say it. `node test/nix/module-reference.ts`
 * prints it; with --write it writes it. Needs Nix.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { format } from "prettier";
import { evaluate, libs, type OptionText } from "./module-nix.ts";

export const referenceFile = fileURLToPath(new URL("../../nix/modules/options.md", import.meta.url));

const head = `# The modules' options

All of them stand below \`services.nix-binary-cache\`. A default that names \`vars\` is the stack's; after \`or\` stands what counts
where the stack's facts don't have it. Written by \`node test/nix/module-reference.ts --write\`; changes made here are lost.
`;

/** The reference's text, laid out as the project's other documents. */
export async function reference(): Promise<string> {
  const lib = libs({})[0]?.path ?? "";
  const { options } = await evaluate(lib, { roles: ["server", "builder", "client"] });
  const groups = Map.groupBy(options, ({ name }) => (name.includes(".") ? (name.split(".")[0] ?? "") : "common"));
  const order = [...new Set([...Object.keys(titles), ...groups.keys()])];
  const sections = order.map((group) => `## ${titles[group] ?? group}\n\n${tableOf(groups.get(group) ?? [])}`);
  return format([head, ...sections].join("\n"), { parser: "markdown", printWidth: 120 });
}

const titles: Readonly<Record<string, string>> = {
  common: "On every machine",
  server: "The server",
  builder: "A builder",
  client: "A client",
  canary: "The canary",
};

function tableOf(options: readonly OptionText[]): string {
  const rows = options.map(({ name, default: byDefault, description, example }) => {
    const words = `${oneLine(description ?? "")}${example === null ? "" : ` Example: ${code(example)}`}`;
    return `| \`${name}\` | ${byDefault === null ? "" : code(byDefault)} | ${words.replaceAll("|", "\\|")} |`;
  });
  return ["| option | default | what it is |", "| --- | --- | --- |", ...rows, ""].join("\n");
}

function code(text: string): string {
  const line = oneLine(text);
  return line.length > 100 ? "(see the module)" : `\`${line.replaceAll("|", "\\|")}\``;
}

function oneLine(text: string): string {
  return text.trim().replace(/\s+/g, " ");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = await reference();
  if (process.argv.includes("--write")) writeFileSync(referenceFile, text);
  else process.stdout.write(text);
}
