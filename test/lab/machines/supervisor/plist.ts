/** Reads property lists in XML. Source: the DTD at www.apple.com/DTDs/PropertyList-1.0.dtd. */

export type PlistValue = string | number | boolean | readonly PlistValue[] | { readonly [key: string]: PlistValue };

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescape(text: string): string {
  return text.replaceAll(/&(?:#(\d+)|(\w+));/g, (whole, code: string | undefined, name: string | undefined) =>
    code === undefined ? (ENTITIES[name ?? ""] ?? whole) : String.fromCodePoint(Number(code)),
  );
}

/** Tags and the texts between them, one after the other. */
class Reader {
  readonly #tokens: string[];
  #next = 0;

  constructor(text: string) {
    const body = text.replaceAll(/<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!DOCTYPE[^>]*>/g, "");
    this.#tokens = body.match(/<[^>]+>|[^<]+/g) ?? [];
  }

  /** The next token; white space between tags is skipped unless asked for. */
  take(): string {
    while (/^\s+$/.test(this.#tokens[this.#next] ?? "")) this.#next += 1;
    const token = this.#tokens[this.#next];
    if (token === undefined) throw new Error("property list: ends too early");
    this.#next += 1;
    return token;
  }

  /** The text up to a closing tag. */
  textUntil(tag: string): string {
    let text = "";
    for (let token = this.#tokens[this.#next]; token !== `</${tag}>`; token = this.#tokens[this.#next]) {
      if (token === undefined) throw new Error(`property list: <${tag}> is not closed`);
      text += token;
      this.#next += 1;
    }
    this.#next += 1;
    return unescape(text);
  }
}

function readValue(reader: Reader, tag: string): PlistValue {
  switch (tag) {
    case "<true/>":
      return true;
    case "<false/>":
      return false;
    case "<string/>":
      return "";
    case "<array/>":
      return [];
    case "<dict/>":
      return {};
    case "<string>":
      return reader.textUntil("string");
    case "<integer>":
      return Number(reader.textUntil("integer"));
    case "<real>":
      return Number(reader.textUntil("real"));
    case "<array>":
      return readArray(reader);
    case "<dict>":
      return readDict(reader);
    default:
      throw new Error(`property list: found ${tag}, expected a value`);
  }
}

function readArray(reader: Reader): PlistValue[] {
  const values: PlistValue[] = [];
  for (let tag = reader.take(); tag !== "</array>"; tag = reader.take()) values.push(readValue(reader, tag));
  return values;
}

function readDict(reader: Reader): Record<string, PlistValue> {
  const values: Record<string, PlistValue> = {};
  for (let tag = reader.take(); tag !== "</dict>"; tag = reader.take()) {
    if (tag !== "<key>") throw new Error(`property list: found ${tag}, expected <key>`);
    const key = reader.textUntil("key");
    values[key] = readValue(reader, reader.take());
  }
  return values;
}

/** Parses a property list whose root is a dictionary. @throws Error that says what was found */
export function parsePlist(text: string): Readonly<Record<string, PlistValue>> {
  const reader = new Reader(text);
  if (!reader.take().startsWith("<plist")) throw new Error("property list: found no <plist>");
  if (reader.take() !== "<dict>") throw new Error("property list: found no <dict> in <plist>");
  return readDict(reader);
}
