/** The socket by which the doubles of systemctl, systemd-run and launchctl talk to the supervisor: a line of JSON each way. */
import { chmodSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import type { JobStatus } from "./runner.ts";
import type { Supervisor, TransientJob } from "./supervisor.ts";

export const SOCKET = "/run/lab/control";

export type Request =
  | { readonly verb: "start" | "stop" | "restart" | "reload"; readonly names: readonly string[] }
  | { readonly verb: "kill"; readonly names: readonly string[]; readonly signal: NodeJS.Signals }
  | { readonly verb: "reset-failed"; readonly names: readonly string[] }
  | { readonly verb: "list" }
  | { readonly verb: "run"; readonly job: TransientJob }
  | { readonly verb: "bootstrap"; readonly path: string }
  | { readonly verb: "bootout"; readonly label: string }
  | { readonly verb: "kickstart"; readonly label: string; readonly kill: boolean };

/** `failed` names what did not go well; `error` says why a request could not be carried out at all. */
export interface Answer {
  readonly failed?: readonly string[];
  readonly statuses?: readonly JobStatus[];
  readonly status?: JobStatus;
  readonly error?: string;
}

async function each(names: readonly string[], act: (name: string) => Promise<boolean>): Promise<Answer> {
  const failed: string[] = [];
  for (const name of names) if (!(await act(name))) failed.push(name);
  return { failed };
}

async function carryOut(supervisor: Supervisor, request: Request): Promise<Answer> {
  switch (request.verb) {
    case "start":
      return each(request.names, (name) => supervisor.start(name));
    case "restart":
      return each(request.names, (name) => supervisor.restart(name));
    case "reload":
      return each(request.names, (name) => supervisor.reload(name));
    case "stop":
      return each(request.names, async (name) => {
        await supervisor.stop(name);
        return true;
      });
    case "kill":
      for (const name of request.names) supervisor.kill(name, request.signal);
      return {};
    case "reset-failed":
      supervisor.forgetFailures(request.names);
      return {};
    case "list":
      return { statuses: supervisor.statuses() };
    case "run":
      return { status: await supervisor.runTransient(request.job) };
    case "bootstrap":
      await supervisor.bootstrap(request.path);
      return {};
    case "bootout":
      await supervisor.bootout(request.label);
      return {};
    case "kickstart":
      await supervisor.kickstart(request.label, request.kill);
      return {};
  }
}

/** Listens until the machine ends. A caller that goes away does not stop what it asked for. */
export function serveControl(supervisor: Supervisor): Promise<void> {
  rmSync(SOCKET, { force: true });
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    createInterface({ input: socket }).once("line", (line) => {
      carryOut(supervisor, JSON.parse(line) as Request)
        .catch((error: unknown): Answer => ({ error: error instanceof Error ? error.message : String(error) }))
        .then((answer) => socket.end(`${JSON.stringify(answer)}\n`))
        .catch(() => undefined);
    });
  });
  return new Promise((resolve) => {
    server.listen(SOCKET, () => {
      chmodSync(SOCKET, 0o666);
      resolve();
    });
  });
}
