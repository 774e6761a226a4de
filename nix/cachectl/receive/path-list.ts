import type { Readable } from "node:stream";
import type { Limits } from "./limits.ts";
import { Refusal } from "./refusal.ts";

/**
 * A path of the store itself, nothing below it. The names are those that Nix takes (NixOS/nix, src/libstore/path.cc,
 * checkName): at most 211 characters, not "." or "..", nor either followed by a dash.
 */
const storePathForm = /^\/nix\/store\/[0-9abcdfghijklmnpqrsvwxyz]{32}-(?!\.{1,2}(?:-|$))[0-9A-Za-z+\-._?=]{1,211}$/;

const lineFeed = 0x0a;
const listMilliseconds = 60_000;

/** Whether a text is a store path, and nothing but one. */
export function isStorePath(text: string): boolean {
  return storePathForm.test(text) && !text.endsWith("\n");
}

/**
 * The store paths on a stream, one a line, each once, in their order. Throws a Refusal for the first line that is no
 * store path and for more lines, or bytes, than the limits allow; no more than that is ever held.
 */
export async function readPathList(
  input: Readable,
  limits: Pick<Limits, "maxPaths" | "maxInputBytes">,
): Promise<readonly string[]> {
  const text = await readBounded(input, limits.maxInputBytes);
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  if (lines.length > limits.maxPaths) {
    throw new Refusal("limit", `${lines.length} paths in one call, at most ${limits.maxPaths} are taken`);
  }
  const wrong = lines.findIndex((line) => !isStorePath(line));
  if (wrong !== -1) {
    throw new Refusal(
      "path",
      `line ${wrong + 1} is no store path: ${JSON.stringify((lines[wrong] ?? "").slice(0, 100))}`,
    );
  }
  return [...new Set(lines)];
}

async function readBounded(input: Readable, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const late = new Refusal("limit", `the list was not whole after ${listMilliseconds / 1000} s`);
  const timer = setTimeout(() => input.destroy(late), listMilliseconds).unref();
  for await (const chunk of input as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new Refusal("limit", `more than ${limit} bytes of paths in one call`);
    chunks.push(chunk);
  }
  clearTimeout(timer);
  const bytes = Buffer.concat(chunks);
  if (bytes.length > 0 && bytes.at(-1) !== lineFeed) {
    // A connection that broke off must not pass for a shorter list.
    throw new Refusal("path", "the list does not end with a line break: it was cut off");
  }
  return bytes.toString("latin1");
}
