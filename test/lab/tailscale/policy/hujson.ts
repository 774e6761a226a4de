import { type Node as JsonNode, type ParseError, getNodeValue, parseTree, printParseErrorCode } from "jsonc-parser";

import { Problem } from "./problem.ts";

function position(text: string, offset: number): string {
  const before = text.slice(0, offset).split("\n");
  return `line ${before.length}, column ${(before.at(-1) ?? "").length + 1}`;
}

function refuseDuplicates(text: string, node: JsonNode): void {
  const seen = new Set<string>();
  for (const child of node.children ?? []) {
    if (node.type === "object") {
      const key = child.children?.[0];
      const name = String(key?.value);
      if (seen.has(name))
        throw new Problem(`hujson: ${position(text, key?.offset ?? 0)}: duplicate object member name "${name}"`);
      seen.add(name);
    }
    refuseDuplicates(text, child);
  }
}

/**
 * Reads HuJSON: JSON with comments and trailing commas.
 * @returns the value, as JSON.parse would give it.
 * @throws {Problem} with line and column, on anything else, and on a member that an object has twice.
 */
export function parseHujson(text: string): unknown {
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first !== undefined) {
    const what = printParseErrorCode(first.error)
      .replace(/([a-z])([A-Z])/g, "$1 $2")
      .toLowerCase();
    throw new Problem(`hujson: ${position(text, first.offset)}: ${what}`);
  }
  if (tree === undefined) throw new Problem("hujson: line 1, column 1: unexpected end of input");
  refuseDuplicates(text, tree);
  return getNodeValue(tree) as unknown;
}
