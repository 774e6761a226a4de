import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { isBuilderName } from "../builders/builder.ts";
import { localRegistry } from "../builders/command.ts";
import { type Command, type Invocation, UsageError } from "../lib/command.ts";
import { childEnvironment, nixSettings } from "../receive/host.ts";
import { localHost } from "../receive/local-host.ts";
import { keysOfNix } from "../receive/trust.ts";
import { revoke, type Revocation, type RevocationSources } from "./revoke.ts";

/** A store of 100,000 paths answers within seconds; deleting one path waits for the collector's lock. */
const queryMilliseconds = 600_000;
const deleteMilliseconds = 1_800_000;

/** `revoke BUILDER`: exit status 1 when a path that should go stays. */
export const command: Command = {
  summary: "withdraw a builder's key and take out every path that only it signed",
  usage: "revoke BUILDER [--dry-run] [--old-keys] [--json]",
  options: { "dry-run": { type: "boolean" }, "old-keys": { type: "boolean" } },
  async run(invocation) {
    const [builder, ...rest] = invocation.positionals;
    if (builder === undefined || rest.length > 0 || !isBuilderName(builder)) {
      throw new UsageError(`expected one builder's name\nusage: cachectl ${command.usage}`);
    }
    const { "dry-run": dryRun, "old-keys": oldKeys, json } = invocation.options;
    const options = { dryRun: dryRun === true, oldKeysOnly: oldKeys === true };
    const revocation = await revoke(builder, sourcesOf(invocation), options);
    invocation.stdout.write(json === true ? `${JSON.stringify(revocation)}\n` : describe(revocation));
    return (revocation.done?.kept.length ?? 0) === 0 ? 0 : 1;
  },
};

/** What a revocation did or would do, one line a path. */
export function describe({ builder, keys, paths, bytes, done }: Revocation): string {
  const kept = new Map(done?.kept.map(({ path, reason }) => [path, reason]));
  const verb = done === undefined ? "would take out" : "took out";
  const lines = paths.map(({ path, narSize, because }) => {
    const needs = because === undefined ? "" : `, needs ${because}`;
    const stays = kept.get(path)?.trim().replaceAll("\n", " ");
    return stays === undefined ? `${verb} ${path} (${narSize} bytes${needs})` : `kept ${path}: ${stays}`;
  });
  const total = `${paths.length - kept.size} paths, ${bytes} bytes that only ${builder} vouched for (${keys.map(nameOf).join(", ")})`;
  const roots = done === undefined ? [] : [...done.changes, `removed ${done.rootsRemoved} roots`];
  return [...roots, ...lines, `${verb} ${total}`, ""].join("\n");
}

function sourcesOf(invocation: Invocation): RevocationSources {
  const host = localHost(invocation);
  const environment = childEnvironment(host);
  const program = host.program("nix-store");
  return {
    registry: localRegistry(invocation),
    rootsDirectory: host.rootsDirectory,
    storeDirectory: host.storeDirectory,
    access: { program, environment, timeout: queryMilliseconds },
    nixKeys: keysOfNix(nixSettings(host)),
    remove: async (paths) => {
      await promisify(execFile)(program, ["--delete", ...paths], {
        env: environment,
        timeout: deleteMilliseconds,
        maxBuffer: 16 * 1024 ** 2,
      });
    },
  };
}

function nameOf(key: string): string {
  return key.split(":")[0] ?? "";
}
