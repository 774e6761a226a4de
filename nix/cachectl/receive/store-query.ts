import { spawn } from "node:child_process";
import { finished } from "node:stream/promises";
import { clientMagic, newestVersion, serveCommand, serverMagic } from "./filter/protocol.ts";
import { StreamFilter } from "./filter/stream-filter.ts";
import { encodeNumber, encodeStrings, readNumber, readString, readStrings, type Routine } from "./filter/wire.ts";
import type { SignedFacts } from "./signature.ts";

/** What the store knows of a valid path. */
export interface StoredPath extends SignedFacts {
  readonly signatures: readonly string[];
  /** Empty for a path without a content address. */
  readonly contentAddress: string;
  /** The derivation that it was built from; empty when the store does not know. */
  readonly deriver: string;
}

/** How the store is asked. */
export interface StoreAccess {
  /** The real `nix-store`. */
  readonly program: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Milliseconds for one query. */
  readonly timeout: number;
}

const maxReferences = 1_000_000;
const batch = 1000;

/**
 * Asks the store for what it knows of `paths` and hands each valid one to `found`; the others are left out. Speaks the
 * serve protocol to `nix-store --serve`, without `--write`: it has no limit of arguments, one form in every version of
 * Nix, and no more than one path is in memory at a time. Throws an Error when Nix fails or takes too long.
 */
export async function queryStore(
  access: StoreAccess,
  paths: readonly string[],
  found: (path: StoredPath) => void,
): Promise<void> {
  if (paths.length === 0) return;
  const child = spawn(access.program, ["--serve"], {
    env: access.environment,
    cwd: "/",
    stdio: ["pipe", "pipe", "pipe"],
    timeout: access.timeout,
  });
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => (complaint = (complaint + chunk.toString("utf8")).slice(-500)));
  const failure = Promise.withResolvers<never>();
  child.once("error", (error) => failure.reject(error));
  child.stdin.on("error", () => undefined);
  let answered = 0;
  const batches = Math.ceil(paths.length / batch);
  const answers = new StreamFilter(() => readAnswers(found, () => ++answered === batches && child.stdin.end()));
  child.stdout.pipe(answers).resume();
  child.stdin.write(Buffer.concat([encodeNumber(clientMagic), encodeNumber(newestVersion)]));
  for (let start = 0; start < paths.length; start += batch) {
    const query = [encodeNumber(serveCommand.queryPathInfos), encodeStrings(paths.slice(start, start + batch))];
    child.stdin.write(Buffer.concat(query));
  }
  try {
    await Promise.race([finished(answers), failure.promise]);
  } finally {
    child.kill();
  }
  if (answered < batches) throw new Error(`nix-store did not answer for ${paths.length} paths: ${complaint.trim()}`);
}

function* readAnswers(found: (path: StoredPath) => void, answered: () => void): Routine<void> {
  const magic = yield* readNumber("greeting");
  if (magic !== serverMagic) throw new Error("nix-store --serve did not greet");
  yield* readNumber("version");
  for (;;) {
    const path = yield* readString("path");
    if (path === "") answered();
    else found(yield* readInfo(path));
  }
}

/** One path's entry (NixOS/nix, serve-protocol.cc, UnkeyedValidPathInfo from protocol 2.4 on). */
function* readInfo(path: string): Routine<StoredPath> {
  const deriver = yield* readString("deriver");
  const references = yield* readStrings("references", maxReferences);
  yield* readNumber("download size");
  const narSize = yield* readNumber("NAR size");
  const narHash = yield* readString("NAR hash");
  const contentAddress = yield* readString("content address");
  const signatures = yield* readStrings("signatures", maxReferences);
  return { path, references, narSize, narHash, contentAddress, signatures, deriver };
}
