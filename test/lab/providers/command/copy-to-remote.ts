/** command.remote.CopyToRemote over the machine's own sftp: parents are made, modes are not set, nothing is deleted. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Operation, ResourceDouble } from "../shared/double.ts";
import { text, type Bag } from "../shared/wire.ts";
import { withConnection } from "./connection.ts";
import { run } from "./process.ts";
import { uniqueId } from "./remote-command.ts";

// Quotes a path for sftp's batch file.
function quoted(path: string): string {
  return `"${path.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

// Every folder above the path, the outermost first.
function parents(path: string): string[] {
  const above = dirname(path);
  return above === path || above === "." ? [] : [...parents(above), above];
}

/** A local path with what the asset holds; a text is written to `folder`. */
async function localPath(source: Bag, folder: string): Promise<{ path: string; directory: boolean }> {
  const { text: content, path } = source;
  if (typeof content === "string") {
    await writeFile(join(folder, "content"), content, { mode: 0o600 });
    return { path: join(folder, "content"), directory: false };
  }
  if (typeof path !== "string") {
    throw new Error("the lab's double of CopyToRemote takes a FileAsset, a StringAsset or a FileArchive of a folder");
  }
  // An archive's signature (pulumi/pulumi sdk/go/common/resource/sig).
  const archive = source["4dabf18193072939515e22adb298388d"] === "0def7320c3a5731c473e5ecbe6d01bc7";
  return { path, directory: archive && !/\.(tgz|tar\.gz|tar|zip|jar)$/.test(path) };
}

async function copy(inputs: Bag, operation: Operation): Promise<void> {
  const remote = text(inputs.remotePath);
  const folder = await mkdtemp(join(tmpdir(), "lab-copy-"));
  try {
    const { path, directory } = await localPath(inputs.source as Bag, folder);
    const put = `put ${directory ? "-R " : ""}${quoted(path)} ${quoted(remote)}`;
    // A leading dash: a folder that exists is no error.
    const batch = [...parents(remote).map((above) => `-mkdir ${quoted(above)}`), put, ""].join("\n");
    const ended = await withConnection(inputs.connection as Bag, operation, (way) =>
      run({
        command: "sftp",
        args: ["-q", ...way.options, "-b", "-", "--", way.host],
        env: { PATH: process.env.PATH, HOME: process.env.HOME },
        stdin: batch,
        signal: operation.signal,
      }),
    );
    if (ended.status !== 0) throw new Error(`failed to copy to remote path ${remote}: ${ended.stderr.trim()}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** command.remote.CopyToRemote: copies again only when the content or the remote path changed. */
export function copyToRemote(): ResourceDouble {
  return {
    inputs: {
      connection: "Connection, required, secret",
      remotePath: "string, required",
      source: "asset, required",
      triggers: "list, replaces",
    },
    outputs: {},
    create: async (inputs, operation) => {
      await copy(inputs, operation);
      return { id: uniqueId(""), state: {} };
    },
    update: async (_id, state, inputs, operation) => {
      const hash = (bag: Bag): unknown => (bag.source as Bag).hash;
      const unchanged = isDeepStrictEqual(hash(state), hash(inputs)) && state.remotePath === inputs.remotePath;
      if (!unchanged) await copy(inputs, operation);
      return {};
    },
  };
}
