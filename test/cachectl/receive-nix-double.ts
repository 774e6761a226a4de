/**
 * A double of `nix-store --serve [--write]` and `nix path-info --json`, run as a program: keeps its store as a JSON file,
 * believes every path it is sent, and answers as serve protocol 2.7 does. First argument: the store's file.
 */
import { appendFileSync, existsSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";
import { base32, str, strs, u64 } from "./receive-protocol.ts";

interface Entry {
  references: string[];
  narSize: number;
  narHash: string;
  contentAddress: string;
  signatures: string[];
  ultimate?: boolean;
}

const [storeFile = "", program, ...args] = process.argv.slice(2);
const load = (): Record<string, Entry> =>
  existsSync(storeFile) ? (JSON.parse(readFileSync(storeFile, "utf8")) as Record<string, Entry>) : {};

function read(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size;) {
    const count = readSync(0, bytes, at, size - at, null);
    if (count === 0) process.exit(at === 0 ? 0 : 1);
    at += count;
  }
  return bytes;
}

const readNumber = (): number => Number(read(8).readBigUInt64LE());
const readString = (): string => {
  const length = readNumber();
  return read(Math.ceil(length / 8) * 8).toString("latin1", 0, length);
};
const readStrings = (): string[] => Array.from({ length: readNumber() }, readString);
const write = (...parts: Buffer[]): void => void writeSync(1, Buffer.concat(parts));

function addPath(): void {
  const path = readString();
  readString();
  const narHash = `sha256:${base32(Buffer.from(readString(), "hex"))}`;
  const references = readStrings();
  readNumber();
  const narSize = readNumber();
  readNumber();
  const signatures = readStrings();
  const contentAddress = readString();
  read(narSize);
  writeFileSync(
    storeFile,
    JSON.stringify({ ...load(), [path]: { references, narSize, narHash, signatures, contentAddress } }),
  );
  write(u64(1));
}

function answerInfos(): void {
  for (const path of readStrings()) {
    const entry = load()[path];
    if (entry === undefined) continue;
    write(str(path), str(""), strs(entry.references), u64(0), u64(entry.narSize));
    write(str(entry.narHash), str(entry.contentAddress), strs(entry.signatures));
  }
  write(str(""));
}

function serve(): void {
  if (readNumber() !== 0x390c9deb) process.exit(2);
  write(u64(0x5452eecb), u64(0x207));
  readNumber();
  for (;;) {
    const command = readNumber();
    appendFileSync(`${storeFile}.commands`, `${command}\n`);
    if (command === 1) {
      readNumber();
      readNumber();
      const asked = readStrings();
      write(strs(asked.filter((path) => path in load())));
    } else if (command === 2) answerInfos();
    else if (command === 9) addPath();
    else process.exit(3);
  }
}

if (program === "nix-store" && args[0] === "--serve") serve();
if (program === "nix-store" && args[0] === "--delete") {
  const store = load();
  for (const path of args.slice(1)) {
    const alive = Object.entries(store).some(([other, { references }]) => other !== path && references.includes(path));
    if (alive || existsSync(`${storeFile}.pin`)) {
      process.stderr.write(`error: Cannot delete path '${path}' since it is still alive\n`);
      process.exit(1);
    }
    // Rewriting without the path is deleting it.
    writeFileSync(
      storeFile,
      JSON.stringify(Object.fromEntries(Object.entries(store).filter(([other]) => other !== path))),
    );
    Reflect.deleteProperty(store, path);
  }
}
if (program === "nix" && args.includes("path-info")) process.stdout.write(JSON.stringify(load()));
if (program === "nix" && args.includes("show"))
  process.stdout.write(JSON.stringify({ "trusted-public-keys": { value: [] } }));
