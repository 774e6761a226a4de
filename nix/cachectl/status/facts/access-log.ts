/**
 * What nginx served, out of its access log. Expected is this form, in the http context of nginx:
 *
 *     log_format nix_binary_cache '$msec $server_port $status $body_bytes_sent $upstream_cache_status $request_time $request_uri';
 *     access_log /var/log/nginx/nix-binary-cache.log nix_binary_cache buffer=64k flush=1s;
 *
 * No addresses stand in it: who reads what is nobody's matter. nginx logs no requests of its own making.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { add, type Counts, noCounts, type Traffic } from "./traffic.ts";

const keptHours = 31 * 24;
const mostBytes = 64 * 1024 ** 2;
const chunkBytes = 1024 ** 2;

/** One line's part in the counts; undefined for another port than the cache's, and for what is no such line. */
export function countLine(line: string, port: number): { readonly hour: string; readonly counts: Counts } | undefined {
  const [time, serverPort, status, bytes, cached, , uri] = line.split(" ");
  const [at, code, sent] = [Number(time), Number(status), Number(bytes)];
  if (uri === undefined || Number(serverPort) !== port || !(at > 0) || !(code > 0) || !(sent >= 0)) return undefined;
  const errors = code >= 500 ? 1 : 0;
  const hour = String(Math.floor(at / 3600));
  if (/^\/[0-9a-z]{32}\.narinfo(?:\?|$)/.test(uri)) {
    return { hour, counts: { ...noCounts, asked: 1, found: code === 200 ? 1 : 0, errors } };
  }
  if (!uri.startsWith("/nar/")) return { hour, counts: { ...noCounts, errors } };
  const served = code === 200 || code === 206 ? sent : 0;
  const counts = { nars: served > 0 ? 1 : 0, bytes: served, hitBytes: cached === "HIT" ? served : 0, errors };
  return { hour, counts: { ...noCounts, ...counts } };
}

/**
 * Reads on from where the last run stopped, at most 64 MiB; what is left, the next run reads. Of a log that was rotated
 * in between, the rest of the old one (`LOG.1`) comes first. Throws nothing: without a log, nothing is added.
 */
export function readOn(before: Traffic, log: string, port: number): Traffic {
  const current = inodeOf(log);
  const rotated = `${log}.1`;
  let traffic = before;
  if (before.read.inode !== 0 && current !== before.read.inode) {
    if (inodeOf(rotated) === before.read.inode) traffic = readFile(traffic, rotated, port);
    // More of it than one run reads: the new one has to wait.
    if (traffic.read.offset < sizeOf(rotated) && inodeOf(rotated) === before.read.inode) return traffic;
    traffic = { ...traffic, read: { inode: current ?? 0, offset: 0 } };
  }
  return current === undefined
    ? traffic
    : readFile({ ...traffic, read: { ...traffic.read, inode: current } }, log, port);
}

function readFile(before: Traffic, file: string, port: number): Traffic {
  const opened = tryOpen(file);
  if (opened === undefined) return before;
  try {
    const { size, ino } = fstatSync(opened);
    // Shorter than it was: it was emptied in its place.
    const start = before.read.offset > size ? 0 : before.read.offset;
    const sum = new Sum(before, port);
    const offset = readLines(opened, start, Math.min(size, start + mostBytes), (line) => sum.add(line));
    return { ...sum.traffic(), read: { inode: ino, offset } };
  } finally {
    closeSync(opened);
  }
}

/** Whole lines only; returns the first byte that was not read. */
function readLines(file: number, start: number, end: number, each: (line: string) => void): number {
  const buffer = Buffer.alloc(chunkBytes);
  let [offset, rest, consumed] = [start, "", start];
  while (offset < end) {
    const count = readSync(file, buffer, 0, Math.min(buffer.length, end - offset), offset);
    if (count === 0) break;
    offset += count;
    const lines = (rest + buffer.toString("latin1", 0, count)).split("\n");
    rest = lines.pop() ?? "";
    consumed = offset - rest.length;
    lines.forEach(each);
  }
  return consumed;
}

class Sum {
  readonly #port: number;
  readonly #hours: Map<string, Counts>;
  #total: Counts;

  constructor(before: Traffic, port: number) {
    this.#port = port;
    this.#hours = new Map(Object.entries(before.hours));
    this.#total = before.total;
  }

  add(line: string): void {
    const counted = countLine(line, this.#port);
    if (counted === undefined) return;
    this.#hours.set(counted.hour, add(this.#hours.get(counted.hour) ?? noCounts, counted.counts));
    this.#total = add(this.#total, counted.counts);
  }

  traffic(): Pick<Traffic, "total" | "hours"> {
    const hours = [...this.#hours].sort(([a], [b]) => Number(a) - Number(b)).slice(-keptHours);
    return { total: this.#total, hours: Object.fromEntries(hours) };
  }
}

function inodeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.ino;
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function tryOpen(file: string): number | undefined {
  try {
    return openSync(file, "r");
  } catch {
    return undefined;
  }
}
