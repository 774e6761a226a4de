/** The stack's last update: whether it went well, and what one that was cut off has left behind. */
import { existsSync, readdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { nameOfStack } from "../../components/stack-name.ts";
import type { Diagnosable } from "../../nix/cachectl/doctor/check.ts";
import { failure, ok, warning, type Verdict } from "../../nix/cachectl/doctor/finding.ts";
import { plural, showDuration } from "../../nix/cachectl/doctor/show.ts";
import { parseJson } from "../../nix/cachectl/lib/json.ts";
import { answerOf, answerOfStack, project, readText, type StackContext } from "./stack.ts";

const historySchema = z.array(
  z.object({ kind: z.string(), result: z.string(), endTime: z.string().optional(), version: z.int().optional() }),
);

/** The last operation on the stack that changed it, or tried to; undefined before the first. */
async function lastUpdate(context: StackContext): Promise<z.output<typeof historySchema>[number] | undefined> {
  const answer = await answerOfStack(context, ["stack", "history", "--json", "--page-size", "10"], historySchema);
  return answer.find(({ kind }) => kind !== "preview" && kind !== "refresh");
}

/** As Pulumi's own backend of files writes it: pkg/backend/diy/lock.go. */
const lockSchema = z.object({ pid: z.int(), username: z.string(), hostname: z.string(), timestamp: z.string() });
type Lock = z.output<typeof lockSchema>;

/**
 * The locks on the stack, where the state is kept in a folder; a bucket's can't be looked at, and Pulumi Cloud says in
 * its history that an update is in progress.
 */
async function locksOf(context: StackContext): Promise<readonly Lock[]> {
  const { url = "" } = await answerOf(
    context,
    ["whoami", "--verbose", "--json"],
    z.object({ url: z.string().optional() }),
  );
  if (!url.startsWith("file://")) return [];
  const folder = join(fileURLToPath(url), ".pulumi", "locks", "organization", project, nameOfStack(context.stack));
  const files = existsSync(folder) ? readdirSync(folder) : [];
  return files.flatMap((file) => lockSchema.safeParse(parseJson(readText(join(folder, file)) ?? "")).data ?? []);
}

const stateSchema = z.object({
  deployment: z
    .object({
      pending_operations: z.array(z.object({ type: z.string(), resource: z.object({ urn: z.string() }) })).nullish(),
    })
    .nullish(),
});

/** What an update was in the middle of when it was cut off, such as `creating tailnet-policy`. */
async function interruptedIn(context: StackContext): Promise<readonly string[]> {
  const { deployment } = await answerOfStack(context, ["stack", "export"], stateSchema);
  const pending = deployment?.pending_operations ?? [];
  return pending.map(({ type, resource }) => `${type} ${resource.urn.split("::").at(-1) ?? ""}`);
}

/** What is known of a stack's updates. */
export interface Updates {
  readonly last: Awaited<ReturnType<typeof lastUpdate>>;
  readonly locks: readonly Lock[];
  readonly interrupted: readonly string[];
}

export const updateCheck: Diagnosable<StackContext> = {
  name: "update",
  needs: ["pulumi"],
  timeout: 60_000,
  run: async (context) => {
    const [last, locks, interrupted] = await Promise.all([
      lastUpdate(context),
      locksOf(context),
      interruptedIn(context),
    ]);
    return judgeUpdate({ last, locks, interrupted }, context.stack, Date.now());
  },
};

/** A lock first: while it is there, no update begins. What is there already is looked at all the same. */
export function judgeUpdate({ last, locks, interrupted }: Updates, stack: string, now: number): Verdict {
  const up = `pulumi up --stack ${stack}`;
  const [lock] = locks;
  if (lock !== undefined) return judgeLock(lock, stack, now);
  if (interrupted.length > 0) {
    return warning(
      `an update was cut off while ${plural(interrupted.length, "resource")} changed: ${interrupted.slice(0, 3).join(", ")}`,
      `pulumi refresh --clear-pending-creates --stack ${stack}, then ${up}`,
    );
  }
  if (last === undefined) return failure("was never put up", up);
  const when = last.endTime === undefined ? "" : ` ${showDuration(now - Date.parse(last.endTime))} ago`;
  if (last.kind === "destroy") return failure(`was destroyed${when}`, up);
  if (last.result === "in-progress")
    return warning("an update is under way, or was cut off", `pulumi cancel --stack ${stack}, if none is under way`);
  return last.result === "succeeded"
    ? ok(`the last update went well${when}`)
    : failure(`the last update ended as "${last.result}"${when}`, up);
}

function judgeLock(lock: Lock, stack: string, now: number): Verdict {
  const who = `${lock.username}@${lock.hostname}, process ${lock.pid}, ${showDuration(now - Date.parse(lock.timestamp))} ago`;
  const cancel = `pulumi cancel --stack ${stack}`;
  if (lock.hostname !== hostname())
    return warning(`an update began and has not ended (${who})`, `${cancel}, if none is under way there`);
  return isAlive(lock.pid)
    ? warning(`an update is under way (${who})`, "wait for its end")
    : warning(`an update was cut off, and its lock keeps others from beginning (${who})`, cancel);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
