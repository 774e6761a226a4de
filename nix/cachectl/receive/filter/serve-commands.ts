import { Refusal } from "../refusal.ts";
import { readAddToStore, type PathHeader } from "./add-to-store.ts";
import { clientMagic, newestVersion, oldestVersion, serveCommand } from "./protocol.ts";
import { encodeNumber, encodeString, readNumber, readString, type Routine } from "./wire.ts";

const refusedCommands: ReadonlyMap<number, string> = new Map([
  [serveCommand.dumpStorePath, "DumpStorePath: paths are read over HTTP, not here"],
  [serveCommand.importPaths, "ImportPaths: it carries no signatures; use Nix 2.3 or later"],
  [serveCommand.exportPaths, "ExportPaths: paths are read over HTTP, not here"],
  [serveCommand.buildPaths, "BuildPaths: nothing is built for a builder here"],
  [serveCommand.buildDerivation, "BuildDerivation: nothing is built for a builder here"],
]);

/** What a session may do. */
export interface ServePolicy {
  /**
   * Judges a path before a byte of its contents goes on; returns the signatures to send along.
   * Throws a Refusal for a path that is not to be taken.
   */
  admit(path: PathHeader): readonly string[];
  /** Called for each path that the client asks about: it may rely on what it is told, and send nothing. */
  hold(path: string): void;
  /** Called with the number of paths that a query is going to name. Throws a Refusal when they are too many. */
  queried(count: number): void;
  /** Called with the number of each command let through. */
  seen(command: number): void;
  /** Throws a Refusal unless `path` is a store path. */
  checkPath(path: string, what: string): void;
}

/**
 * Reads a client's half of the serve protocol and sends on what a builder may ask for: which paths are valid, what is
 * known about them, and new paths with their signatures. Arguments are checked, and changed where the client has no say:
 * - paths asked about are locked, so that no garbage collection takes them between the answer and the data that refers
 *   to them;
 * - the registration time is set by the server, for what a builder's clock says would decide what retention keeps;
 * - no path counts as built by the server itself (`ultimate`);
 * - signatures that do not hold are dropped, so that nothing in the store claims a signer it has not.
 */
export function* serveCommands(policy: ServePolicy, send: (bytes: Buffer) => void): Routine<void> {
  yield* handshake(send);
  for (;;) {
    const command = yield* readNumber("command");
    const refused = refusedCommands.get(command);
    if (refused !== undefined) throw new Refusal("protocol", `the serve command ${refused}`);
    policy.seen(command);
    yield* oneCommand(command, policy, send);
  }
}

function* handshake(send: (bytes: Buffer) => void): Routine<void> {
  const magic = yield* readNumber("greeting");
  if (magic !== clientMagic) throw new Refusal("protocol", "the greeting is not that of Nix's serve protocol");
  send(encodeNumber(clientMagic));
  const version = yield* readNumber("version");
  if (version < oldestVersion || version >> 8 !== newestVersion >> 8) {
    throw new Refusal("protocol", `serve protocol ${version >> 8}.${version & 0xff}: 2.5 or a later 2.x is needed`);
  }
  send(encodeNumber(Math.min(version, newestVersion)));
}

function* oneCommand(command: number, policy: ServePolicy, send: (bytes: Buffer) => void): Routine<void> {
  switch (command) {
    case serveCommand.queryValidPaths: {
      yield* readNumber("lock");
      const substitute = yield* readNumber("substitute");
      send(Buffer.concat([encodeNumber(command), encodeNumber(1), encodeNumber(substitute === 0 ? 0 : 1)]));
      return yield* passPaths(policy, send, (path) => policy.hold(path));
    }
    case serveCommand.queryPathInfos:
      send(encodeNumber(command));
      return yield* passPaths(policy, send);
    case serveCommand.queryClosure: {
      yield* readNumber("include outputs");
      send(Buffer.concat([encodeNumber(command), encodeNumber(0)]));
      return yield* passPaths(policy, send);
    }
    case serveCommand.addToStoreNar: {
      const header = yield* readAddToStore(policy);
      const signatures = policy.admit(header);
      send(header.encode(signatures));
      yield { pass: header.narSize };
      return;
    }
    default:
      throw new Refusal("protocol", `the serve command ${command} is unknown`);
  }
}

/** Passes a set of store paths on one by one: however many come, one is held. */
function* passPaths(
  policy: ServePolicy,
  send: (bytes: Buffer) => void,
  seen: (path: string) => void = () => undefined,
): Routine<void> {
  const count = yield* readNumber("paths, count");
  policy.queried(count);
  send(encodeNumber(count));
  for (let index = 0; index < count; index++) {
    const path = yield* readString("path");
    policy.checkPath(path, "a queried path");
    seen(path);
    send(encodeString(path));
  }
}
