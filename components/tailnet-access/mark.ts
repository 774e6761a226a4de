/**
 * How a stack's own entries are told from the user's: by a comment right after their opening bracket, which carries the
 * stack's first tag, in effect `{<nix-binary-cache (tag:nix-cache)> "src": …}`.
 *
 * Tags in the values alone would not do: a user may well write a grant to `tag:nix-cache` by hand, of exactly the shape
 * that we write. The comment goes with the entry when it is moved, edited or reformatted; an entry without it is the
 * user's, whatever it says. A section that we made has a comment too, so that it goes when nothing is left in it: an
 * empty `grants` would mean "nobody reaches anything" where its absence means the opposite.
 */

const program = "nix-binary-cache";

/** The comment in each entry of the stack with this tag. */
export function entryMark(tag: string): string {
  return `/* ${program} (${tag}) */`;
}

/** The comment in a section, or a policy, that was not there before. */
export const madeMark = `/* ${program} */`;

/** The comment in a section that was `null` before. */
export const wasNullMark = `/* ${program}: was null */`;

const markPattern = new RegExp(`\\s*/\\* ${program}(?:|: was null| \\((tag:[A-Za-z0-9-]+)\\)) \\*/`, "y");

/** A mark that was found: its place in the text, and the tag in it. */
export interface FoundMark {
  readonly offset: number;
  readonly length: number;
  readonly text: string;
  /** Undefined for the mark of a section. */
  readonly tag: string | undefined;
}

/** The mark right after an opening bracket. @param opening offset of the bracket */
export function markAfter(text: string, opening: number): FoundMark | undefined {
  markPattern.lastIndex = opening + 1;
  const match = markPattern.exec(text);
  if (match === null) return undefined;
  return { offset: opening + 1, length: match[0].length, text: match[0].trimStart(), tag: match[1] };
}
