/**
 * Reads closures from a cache over plain HTTP until it is told to end, as a slow client does: a root's narinfo, a pause, then
 * everything that it refers to, each NAR unpacked and hashed. Runs on a machine of the lab, alone in its file.
 *
 *     node closure-reader.ts URL ROOTS READERS      ROOTS: a file of store paths, one a line, that grows
 *
 * Ends when ROOTS is gone, and prints what it counted, as JSON.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { zstdDecompressSync } from "node:zlib";

/** What came of it. */
export interface ReaderReport {
  /** Closures read whole, and the paths and compressed bytes in them. */
  closures: number;
  paths: number;
  bytes: number;
  /** Roots that were gone when they were asked for: no closure was begun. */
  gone: number;
  /** What was not served of closures that were begun, and NARs that were not what their narinfo says. */
  readonly missing: string[];
  readonly wrong: string[];
  /** The longest that a closure took, and an answer, in seconds. */
  slowestClosure: number;
  slowestAnswer: number;
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

const [url = "", roots = "", readers = "4"] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true });
const report: ReaderReport = {
  closures: 0,
  paths: 0,
  bytes: 0,
  gone: 0,
  missing: [],
  wrong: [],
  slowestClosure: 0,
  slowestAnswer: 0,
};
/** The newest are those that may go soonest where each run of retention drops what is older. */
const recent = 60;
const longestPause = 3000;

async function ask(place: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const started = performance.now();
  const encoding = Math.random() < 0.7 ? "zstd" : "identity";
  get(`${url}/${place}`, { agent, headers: { "Accept-Encoding": encoding } }, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.once("error", reject);
    response.once("end", () => {
      const raw = Buffer.concat(chunks);
      report.bytes += raw.length;
      const body = response.headers["content-encoding"] === "zstd" ? zstdDecompressSync(raw) : raw;
      resolve({ status: response.statusCode ?? 0, body });
    });
  }).once("error", reject);
  const answer = await promise;
  report.slowestAnswer = Math.max(report.slowestAnswer, (performance.now() - started) / 1000);
  return answer;
}

/** Asks for a narinfo; what it says, or undefined with the status noted below `missing`. */
async function narinfo(hash: string): Promise<Map<string, string> | number> {
  const { status, body } = await ask(`${hash}.narinfo`);
  if (status !== 200) return status;
  const lines = body.toString("utf8").trim().split("\n");
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)] as const));
}

async function readClosure(root: string): Promise<void> {
  const started = performance.now();
  const first = await narinfo(root);
  if (typeof first === "number") {
    if (first === 404) report.gone += 1;
    else report.missing.push(`${root}.narinfo, the root: ${first}`);
    return;
  }
  await sleep(Math.random() * longestPause);
  const failures = report.missing.length + report.wrong.length;
  const seen = new Set([root]);
  const open: [string, Map<string, string>][] = [[root, first]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const reference of (next[1].get("References") ?? "").split(" ")) {
      const hash = reference.slice(0, 32);
      if (hash === "" || seen.has(hash)) continue;
      seen.add(hash);
      const info = await narinfo(hash);
      if (typeof info === "number") report.missing.push(`${hash}.narinfo of ${root}: ${info}`);
      else open.push([hash, info]);
    }
    await readNar(root, next[1]);
    await sleep(Math.random() * 300);
  }
  report.slowestClosure = Math.max(report.slowestClosure, (performance.now() - started) / 1000);
  if (report.missing.length + report.wrong.length > failures) return;
  report.closures += 1;
  report.paths += seen.size;
}

async function readNar(root: string, info: Map<string, string>): Promise<void> {
  const place = info.get("URL") ?? "";
  const { status, body } = await ask(place);
  if (status !== 200) report.missing.push(`${place} of ${root}: ${status}`);
  else if (`sha256:${nix32(createHash("sha256").update(body).digest())}` !== info.get("NarHash"))
    report.wrong.push(`${place} of ${root}: ${body.length} bytes`);
}

/** Nix's base 32: the least significant digit last, of the bytes as a little-endian number. */
function nix32(bytes: Buffer): string {
  const alphabet = "0123456789abcdfghijklmnpqrsvwxyz";
  let value = BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
  let text = "";
  for (let digit = 0; digit < 52; digit++, value >>= 5n) text = alphabet.charAt(Number(value & 31n)) + text;
  return text;
}

function read(): string | undefined {
  try {
    return readFileSync(roots, "utf8");
  } catch {
    return undefined;
  }
}

async function readOn(): Promise<void> {
  // Whoever has enough of it removes the file, at any moment.
  for (let text = read(); text !== undefined; text = read()) {
    const all = text.trim().split("\n").slice(-recent);
    const root = all[Math.floor(Math.random() * all.length)] ?? "";
    if (root === "") await sleep(200);
    else await readClosure(root.slice("/nix/store/".length, "/nix/store/".length + 32));
  }
}

await Promise.all(Array.from({ length: Number(readers) }, readOn));
agent.destroy();
process.stdout.write(`${JSON.stringify(report)}\n`);
