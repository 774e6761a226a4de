/** One call to the server's receiver, over ssh, as the uploader makes it. */
import { accessSync, constants, statSync } from "node:fs";
import { join } from "node:path";
import { lastWords, run, type RunResult } from "../../lib/run.ts";
import { fieldsOf, numberOf, parseJson } from "../../lib/json.ts";
import { tools } from "../../upload/tools.ts";
import { serverAlias } from "../../upload/ssh-config.ts";
import { shared } from "../machine.ts";

/** This builder's own key files. */
export type Identity = "ready" | { readonly problem: "absent" | "unreadable" | "open"; readonly file: string };

/** What the server has left; bytes. */
export interface ServerRoom {
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly minFreeBytes: number;
  readonly bytesToday: number;
  readonly dailyLimit: number;
}

/** How a call ended: with the server's answer, or with what ssh or the receiver said. */
export type SshAnswer = { readonly room: ServerRoom } | { readonly problem: string };

const milliseconds = 8000;

/** The secret halves: there, readable for whoever runs this, and for nobody else. */
export function identity(keys: string): Identity {
  for (const file of ["ssh", "signing.secret"].map((name) => join(keys, name))) {
    try {
      const status = statSync(file);
      accessSync(file, constants.R_OK);
      if ((status.mode & 0o077) !== 0) return { problem: "open", file };
    } catch (error) {
      return { problem: (error as NodeJS.ErrnoException).code === "ENOENT" ? "absent" : "unreadable", file };
    }
  }
  return "ready";
}

/** Asks the receiver for `status`. Rejects when the uploader's own settings can't be read. */
export const serverRoom = shared(async (machine): Promise<SshAnswer> => {
  const { ssh, env } = tools(machine.paths, machine.env, machine.stop);
  const args = ["-F", ssh.config, "-o", "ConnectTimeout=4", "-o", "ControlPath=none", "-T", serverAlias, "status"];
  return answerOf(await run("ssh", args, { env, timeout: milliseconds, stop: machine.stop }));
});

function answerOf(result: RunResult): SshAnswer {
  const answer = fieldsOf(parseJson(result.stdout));
  if (result.status !== 0 || !answer.has("store")) return { problem: lastWords(result) };
  const [store, bytes] = [fieldsOf(answer.get("store")), fieldsOf(answer.get("bytes"))];
  return {
    room: {
      freeBytes: numberOf(store.get("freeBytes")) ?? Infinity,
      totalBytes: numberOf(store.get("totalBytes")) ?? Infinity,
      minFreeBytes: numberOf(store.get("minFreeBytes")) ?? 0,
      bytesToday: numberOf(bytes.get("today")) ?? 0,
      dailyLimit: numberOf(bytes.get("dailyLimit")) ?? Infinity,
    },
  };
}
