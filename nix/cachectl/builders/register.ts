import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { replaceFile } from "../lib/replace-file.ts";
import { configuredKeys } from "../receive/trust.ts";
import { keyName } from "../receive/signature.ts";
import { conflicts, type Builder } from "./builder.ts";
import { exclusively } from "./exclusive.ts";
import { authorizedKeys, trustedKeys } from "./generated-files.ts";
import { readBuilders, registrationFile } from "./registry.ts";
import { withdrawKey } from "./withdrawn.ts";

/** The server's registry and what is to be done when Nix has to take note of a change. */
export interface Registry {
  readonly stateDirectory: string;
  /** The whole of config.json: no builder's key may have the name of one that it holds. */
  readonly config: unknown;
  /** Makes Nix read its settings anew; throws an Error when that fails. */
  restartNix(): Promise<void>;
}

/** Left behind while Nix has not yet read the keys: a change whose restart failed is made good by the next call. */
const pendingFile = "trusted-keys.pending";

/**
 * Registers a builder, or changes its registration. Returns what changed, one sentence each; nothing when it was
 * registered just so. Throws an Error, having changed nothing, when a key or a key's name is already someone else's.
 */
export function addBuilder(registry: Registry, builder: Builder): Promise<string[]> {
  return exclusively(lockFile(registry), () => add(registry, builder));
}

/** Takes a registration out. Returns what changed, nothing when there was none; what the builder uploaded stays. */
export function removeBuilder(registry: Registry, name: string): Promise<string[]> {
  return exclusively(lockFile(registry), () => remove(registry, name));
}

async function add(registry: Registry, builder: Builder): Promise<string[]> {
  const before = readBuilders(registry.stateDirectory);
  const reserved = configuredKeys(registry.config).map(keyName).includes(keyName(builder.signingKey));
  const problems = [
    ...conflicts(builder, before),
    ...(reserved
      ? [`signingKey has the name ${keyName(builder.signingKey)}, which is the server's or an upstream's`]
      : []),
  ];
  if (problems.length > 0) throw new Error(`builder ${builder.name} can't be registered: ${problems.join("; ")}`);
  const file = registrationFile(registry.stateDirectory, builder.name);
  const previous = before.find(({ name }) => name === builder.name);
  const text = `${JSON.stringify(builder, undefined, 2)}\n`;
  const same = !differs(file, text);
  if (previous !== undefined && previous.signingKey !== builder.signingKey)
    withdrawKey(registry.stateDirectory, previous);
  if (!same) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
    replaceFile(file, text, 0o644);
  }
  const changes = same ? [] : [`${previous === undefined ? "added" : "changed"} builder ${builder.name}`];
  return [...changes, ...(await regenerate(registry))];
}

async function remove(registry: Registry, name: string): Promise<string[]> {
  const builder = readBuilders(registry.stateDirectory).find((registered) => registered.name === name);
  if (builder !== undefined) {
    withdrawKey(registry.stateDirectory, builder);
    rmSync(registrationFile(registry.stateDirectory, name));
  }
  return [...(builder === undefined ? [] : [`removed builder ${name}`]), ...(await regenerate(registry))];
}

/** Writes the generated files where they differ and has Nix read its trusted keys if those do. */
async function regenerate(registry: Registry): Promise<string[]> {
  const { stateDirectory } = registry;
  const builders = readBuilders(stateDirectory);
  const pending = join(stateDirectory, pendingFile);
  const changes: string[] = [];
  if (update(join(stateDirectory, "authorized_keys"), authorizedKeys(builders))) changes.push("wrote authorized_keys");
  const keys = join(stateDirectory, "trusted-keys.conf");
  const text = trustedKeys(builders);
  if (differs(keys, text)) {
    replaceFile(pending, "", 0o644);
    update(keys, text);
    changes.push("wrote trusted-keys.conf");
  }
  if (existsSync(pending)) {
    await registry.restartNix();
    rmSync(pending, { force: true });
    changes.push("restarted the Nix daemon");
  }
  return changes;
}

/** Beside what it guards, which is root's: whoever may not register builders can't hold it either. */
function lockFile({ stateDirectory }: Registry): string {
  mkdirSync(stateDirectory, { recursive: true, mode: 0o755 });
  return join(stateDirectory, "builders.lock");
}

function update(file: string, text: string): boolean {
  if (!differs(file, text)) return false;
  replaceFile(file, text, 0o644);
  return true;
}

function differs(file: string, text: string): boolean {
  return !existsSync(file) || readFileSync(file, "utf8") !== text;
}
