/** A store to plan over: a Nix database as Nix lays it out, and roots as receivers and populate leave them. */
import { createHash } from "node:crypto";
import { lutimesSync, mkdirSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const alphabet = "0123456789abcdfghijklmnpqrsvwxyz";
const secondsOfDay = 86_400;

/** Numbers that look random and are the same in every run. */
export function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A store path with a hash of 32 characters as Nix writes them. */
export function storePath(name: string, salt: number): string {
  const digest = createHash("sha256").update(`${name} ${salt}`).digest();
  const hash = Array.from({ length: 32 }, (_, index) => alphabet.charAt((digest[index] ?? 0) % 32)).join("");
  return `/nix/store/${hash}-${name}`;
}

/** Nix's tables, as in NixOS/nix, src/libstore/schema.sql. */
const schema = `
  create table ValidPaths (id integer primary key autoincrement not null, path text unique not null, hash text not null,
    registrationTime integer not null, deriver text, narSize integer, ultimate integer, sigs text, ca text);
  create table Refs (referrer integer not null, reference integer not null, primary key (referrer, reference),
    foreign key (referrer) references ValidPaths(id) on delete cascade, foreign key (reference) references ValidPaths(id) on delete restrict);
  create index IndexReferrer on Refs(referrer);
  create index IndexReference on Refs(reference);
  create table DerivationOutputs (drv integer not null, id text not null, path text not null, primary key (drv, id));`;

/** Paths that much depends on, and paths that were built together. */
const core = 2000;
const together = 500;

/** Sizes of what is made. */
export interface StoreSize {
  readonly paths: number;
  readonly roots: number;
  /** References of one path on the average: about 7 in nixpkgs. */
  readonly references: number;
}

/** Makes the database and the roots in `folder`; the time "now" is the caller's. */
export function makeStore(folder: string, size: StoreSize, now: number): { database: string; roots: string } {
  const random = numbers(1);
  const database = join(folder, "db.sqlite");
  const names = Array.from({ length: size.paths }, (_, index) =>
    storePath(
      index % 50 === 0 ? `nixos-system-host${index % 17}-25.11.${index}` : `package${index % 3000}-1.${index}`,
      0,
    ),
  );
  fillDatabase(database, names, size, random);
  const roots = join(folder, "roots");
  const drawn = new Set<string>();
  while (drawn.size < size.roots) {
    const path = names[Math.floor(random() * names.length)] ?? "";
    if (drawn.has(path)) continue;
    drawn.add(path);
    const index = drawn.size;
    const area = index % 10 === 0 ? `populate/packages.x86_64-linux.p${index % 200}` : `uploads/builder${index % 12}`;
    const file = join(roots, area, basename(path));
    mkdirSync(dirname(file), { recursive: true });
    symlinkSync(path, file);
    const time = now - Math.floor(random() * 365 * secondsOfDay);
    lutimesSync(file, time, time);
  }
  return { database, roots };
}

function fillDatabase(file: string, names: readonly string[], size: StoreSize, random: () => number): void {
  const database = new DatabaseSync(file);
  database.exec(`pragma journal_mode = wal; ${schema} begin`);
  const path = database.prepare("insert into ValidPaths values (?, ?, 'sha256:00', 0, null, ?, 0, null, null)");
  const reference = database.prepare("insert or ignore into Refs values (?, ?)");
  names.forEach((name, index) => {
    path.run(index + 1, name, Math.floor(1000 * 10 ** (random() * 4)));
    for (let count = 0; count < size.references; count += 1) {
      // What everything needs, or what came with it: a closure is some thousand paths, as a system's is.
      const first = index < core ? 0 : count % 2 === 0 ? index - (index % together) : 0;
      const last = index < core || count % 2 === 0 ? index : core;
      reference.run(index + 1, 1 + first + Math.floor(random() * Math.max(1, last - first)));
    }
  });
  database.exec("commit");
  database.close();
}
