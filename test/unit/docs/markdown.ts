/** The little of Markdown that the documentation's tests read. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const root = new URL("../../../", import.meta.url).pathname;

/** A fenced block. */
export interface Block {
  readonly file: string;
  /** Of its first line of text, from 1. */
  readonly line: number;
  /** "sh", "nix", "yaml", "mermaid"; empty: none. */
  readonly language: string;
  /** What stands after the language. */
  readonly note: string;
  readonly text: string;
}

/** Every page of documentation, relative to the project's root. */
export function pages(): string[] {
  const guides = readdirSync(join(root, "components"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => markdownIn(`components/${name}`));
  return ["README.md", ...markdownIn("docs"), ...guides];
}

function markdownIn(folder: string): string[] {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `${folder}/${name}`)
    .sort();
}

export function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

/** The fenced blocks of a page; those within lists are taken out of their indentation. */
export function blocksOf(file: string): Block[] {
  const blocks: Block[] = [];
  const lines = read(file).split("\n");
  for (let at = 0; at < lines.length; at++) {
    const [, indent = "", fence, language = "", note = ""] = /^( *)(```+)(\S*) ?(.*)$/.exec(lines[at] ?? "") ?? [];
    if (fence === undefined) continue;
    const first = at + 1;
    while (++at < lines.length && lines[at]?.trim() !== fence) continue;
    const text = lines.slice(first, at).map((line) => line.slice(indent.length));
    blocks.push({ file, line: first + 1, language, note, text: text.join("\n") });
  }
  return blocks;
}

/** A page without its fenced blocks. */
export function proseOf(file: string): string {
  return read(file).replaceAll(/^ *```+[^]*?^ *```+$/gm, "");
}

/** Targets of a page's links, images aside. */
export function linksOf(file: string): string[] {
  return [...proseOf(file).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
}

/** Names that a link can end in, as GitHub makes them of headings. */
export function anchorsOf(file: string): string[] {
  return [...proseOf(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
