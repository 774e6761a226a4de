/** Reads a live Nix store: what is valid from its database, NARs through `nix-store --dump`. */
import { spawn } from "node:child_process";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { join } from "node:path";
import type { Readable } from "node:stream";

/** A valid path, as the database has it at this moment. */
export interface PathInfo {
  readonly path: string;
  /** SHA-256 of the NAR in hexadecimal digits. */
  readonly narHash: string;
  readonly narSize: number;
  readonly references: readonly string[];
  readonly deriver: string | undefined;
  readonly signatures: readonly string[];
  readonly ca: string | undefined;
}

const storeFolder = "/nix/store/";

/** A store, opened for reading only. */
export class Store {
  readonly #byPrefix: StatementSync;
  readonly #references: StatementSync;

  readonly #folder: string;

  /** `folder` holds what belongs in /nix/store. */
  constructor(folder: string, database: string) {
    this.#folder = folder;
    const open = new DatabaseSync(database, { readOnly: true, timeout: 5000 });
    this.#byPrefix = open.prepare(
      "select id, path, hash, narSize, deriver, sigs, ca from ValidPaths where path >= ? order by path limit 1",
    );
    this.#references = open.prepare(
      "select path from Refs join ValidPaths on reference = id where referrer = ? order by path",
    );
  }

  /** The valid path whose name starts with the 32 characters; undefined when there is none. */
  find(hashPart: string): PathInfo | undefined {
    const row = this.#byPrefix.get(storeFolder + hashPart);
    if (row === undefined || !String(row.path).startsWith(`${storeFolder}${hashPart}-`)) return undefined;
    const references = this.#references.all(row.id ?? 0).map(({ path }) => String(path));
    return {
      path: String(row.path),
      narHash: String(row.hash).replace(/^sha256:/, ""),
      narSize: Number(row.narSize),
      references,
      deriver: text(row.deriver),
      signatures: (text(row.sigs) ?? "").split(" ").filter((signature) => signature !== ""),
      ca: text(row.ca),
    };
  }

  /** The path's NAR; the stream fails when Nix can't read the path to its end. */
  dump(path: string): Readable {
    const child = spawn("nix-store", ["--dump", join(this.#folder, path.slice(storeFolder.length))], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const { stdout } = child;
    child.once("error", (error) => stdout.destroy(error));
    child.once("exit", (code) => {
      if (code !== 0) stdout.destroy(new Error(`nix-store --dump ended with ${code ?? "a signal"}`));
    });
    stdout.once("close", () => child.kill());
    return stdout;
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
