/** What nginx served, as it is counted and kept. */
import { readFileSync } from "node:fs";
import { fieldsOf, numberOf, parseJson } from "../../lib/json.ts";
import { replaceFile } from "../../lib/replace-file.ts";

/** Counted together for an hour, or for all time. Bytes are those of NARs as they went out. */
export interface Counts {
  /** Narinfo requests: paths that somebody asked for, and how many of them were here. */
  readonly asked: number;
  readonly found: number;
  readonly nars: number;
  readonly bytes: number;
  /** Of the bytes, those that came out of nginx's cache. */
  readonly hitBytes: number;
  /** Answers from 500 on. */
  readonly errors: number;
}

export interface Traffic {
  readonly total: Counts;
  /** By hour since 1970, as text; at most those of a month. */
  readonly hours: Readonly<Record<string, Counts>>;
  /** How far the log was read: its inode and the next byte. */
  readonly read: { readonly inode: number; readonly offset: number };
}

export const noCounts: Counts = { asked: 0, found: 0, nars: 0, bytes: 0, hitBytes: 0, errors: 0 };

export const noTraffic: Traffic = { total: noCounts, hours: {}, read: { inode: 0, offset: 0 } };

/** Sums of counts. */
export function add(a: Counts, b: Counts): Counts {
  return {
    asked: a.asked + b.asked,
    found: a.found + b.found,
    nars: a.nars + b.nars,
    bytes: a.bytes + b.bytes,
    hitBytes: a.hitBytes + b.hitBytes,
    errors: a.errors + b.errors,
  };
}

/** Reads what was counted so far; nothing where there is no such file. */
export function readTraffic(file: string): Traffic {
  let fields: ReadonlyMap<string, unknown>;
  try {
    fields = fieldsOf(parseJson(readFileSync(file, "utf8")));
  } catch {
    return noTraffic;
  }
  const read = fieldsOf(fields.get("read"));
  const hours = [...fieldsOf(fields.get("hours"))].map(([hour, value]) => [hour, countsOf(value)] as const);
  return {
    total: countsOf(fields.get("total")),
    hours: Object.fromEntries(hours.filter(([hour]) => /^\d+$/.test(hour))),
    read: { inode: numberOf(read.get("inode")) ?? 0, offset: numberOf(read.get("offset")) ?? 0 },
  };
}

/** Writes it whole. Throws an Error when it can't. */
export function writeTraffic(file: string, traffic: Traffic): void {
  replaceFile(file, `${JSON.stringify(traffic)}\n`, 0o644);
}

function countsOf(value: unknown): Counts {
  const fields = fieldsOf(value);
  const number = (name: keyof Counts): number => Math.max(0, numberOf(fields.get(name)) ?? 0);
  return {
    asked: number("asked"),
    found: number("found"),
    nars: number("nars"),
    bytes: number("bytes"),
    hitBytes: number("hitBytes"),
    errors: number("errors"),
  };
}
