/** Changes to a text that leave every other byte of it alone. */
import type { Node } from "jsonc-parser";

/** Replaces `length` characters from `offset` by `text`. */
export interface Edit {
  readonly offset: number;
  readonly length: number;
  readonly text: string;
}

/** Makes the edits, which may not overlap; of two at one place the first comes first. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const ordered = edits.toSorted((a, b) => a.offset - b.offset);
  let from = 0;
  const parts = ordered.map((edit) => {
    const kept = text.slice(from, edit.offset);
    from = edit.offset + edit.length;
    return kept + edit.text;
  });
  return parts.join("") + text.slice(from);
}

/** What may follow an opening bracket on its line without being an element: spaces and whole comments. */
const restOfLine = /(?:[ \t]|\/\*(?:(?!\*\/)[^\n])*\*\/)*(?:\/\/[^\n]*?)?(?=\r?\n)/y;

/**
 * Where to insert first elements: at the end of the opening bracket's line, so that a comment on it stays with the
 * bracket; right after the bracket where the line goes on with elements.
 */
export function insertionPoint(text: string, opening: number): number {
  restOfLine.lastIndex = opening + 1;
  const match = restOfLine.exec(text);
  return opening + 1 + (match?.[0].length ?? 0);
}

/** The line end that the text uses. */
export function lineEnd(text: string): string {
  return text.includes("\r") ? "\r\n" : "\n";
}

/** The white space before a node when nothing else is before it on its line. */
export function indentOf(text: string, node: Node): string | undefined {
  return /\n([ \t]*)$/.exec(text.slice(Math.max(0, node.offset - 200), node.offset))?.[1];
}

/** Takes an element out as it was put in: with the line end and indentation before it and the comma after it. */
export function removal(text: string, { offset, length }: Node): Edit[] {
  const before = /(?:\r?\n)[ \t]*$/.exec(text.slice(Math.max(0, offset - 200), offset))?.[0].length ?? 0;
  return removalInLine(text, { offset: offset - before, length: length + before });
}

/** Takes an element out with the comma after it, and no line end. */
export function removalInLine(text: string, { offset, length }: Pick<Node, "offset" | "length">): Edit[] {
  const element = { offset, length, text: "" };
  const comma = commaAfter(text, offset + length);
  return comma === undefined ? [element] : [element, { offset: comma, length: 1, text: "" }];
}

const gap = /(?:\s|\/\/[^\n]*\n|\/\*[\s\S]*?\*\/)*/y;

/** The offset of the comma that follows, past white space and comments. */
function commaAfter(text: string, offset: number): number | undefined {
  gap.lastIndex = offset;
  gap.exec(text);
  return text[gap.lastIndex] === "," ? gap.lastIndex : undefined;
}
