/**
 * Double of systemd-run(1), as `--pipe --wait`: the command becomes the supervisor's, with files for its input and output
 * that this process fills and follows; it goes on when this process, or the connection that it stands at, ends.
 */
import { randomBytes } from "node:crypto";
import { createWriteStream, mkdirSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { TransientJob } from "../supervisor/supervisor.ts";
import { ask, program } from "./ask.ts";

const POLL_MS = 30;

interface Wanted {
  readonly options: ReadonlyMap<string, string[]>;
  readonly argv: readonly string[];
}

/** Options come before the command; those with a value as their own word are these. */
const VALUED = ["-p", "--property", "-u", "--unit", "-E", "--setenv", "--description", "--uid", "--slice"];

function parse(args: readonly string[]): Wanted {
  const options = new Map<string, string[]>();
  let index = 0;
  for (; index < args.length && args[index]?.startsWith("-") === true; index += 1) {
    const word = args[index] ?? "";
    if (word === "--") {
      index += 1;
      break;
    }
    const [, name = word, value] = /^(--?[a-z-]+)(?:=(.*))?$/s.exec(word) ?? [];
    const taken = value ?? (VALUED.includes(word) ? args[(index += 1)] : "");
    options.set(name, [...(options.get(name) ?? []), taken ?? ""]);
  }
  return { options, argv: args.slice(index) };
}

function transient({ options, argv }: Wanted, folder: string | undefined): TransientJob {
  const given = options.get("--unit")?.at(-1) ?? options.get("-u")?.at(-1);
  const name = given ?? `run-${randomBytes(4).toString("hex")}`;
  const pairs = [...(options.get("--setenv") ?? []), ...(options.get("-E") ?? [])].map((pair) => {
    const [key = "", ...value] = pair.split("=");
    return [key, value.length === 0 ? (process.env[key] ?? "") : value.join("=")] as const;
  });
  const user = options.get("--uid")?.at(-1);
  return {
    name: name.endsWith(".service") ? name : `${name}.service`,
    description: options.get("--description")?.at(-1) ?? argv.join(" "),
    argv,
    environment: Object.fromEntries(pairs),
    ...(user !== undefined && { user }),
    ...(folder !== undefined && { stdin: join(folder, "stdin") }),
    output: folder === undefined ? [undefined, undefined] : [join(folder, "stdout"), join(folder, "stderr")],
  };
}

/** Passes on what is appended to a file; gives a function that passes on the rest. */
function follow(path: string, to: NodeJS.WriteStream): () => void {
  const descriptor = openSync(path, "r");
  const piece = Buffer.alloc(65536);
  return () => {
    for (let size = readSync(descriptor, piece); size > 0; size = readSync(descriptor, piece)) {
      to.write(Buffer.from(piece.subarray(0, size)));
    }
  };
}

async function runPiped(wanted: Wanted): Promise<number> {
  const folder = join("/run/lab", `pipe-${randomBytes(8).toString("hex")}`);
  mkdirSync(folder, { mode: 0o700 });
  await pipeline(process.stdin, createWriteStream(join(folder, "stdin"), { mode: 0o600 }));
  for (const name of ["stdout", "stderr"]) writeFileSync(join(folder, name), "", { mode: 0o600 });
  const pumps = [follow(join(folder, "stdout"), process.stdout), follow(join(folder, "stderr"), process.stderr)];
  const answer = ask({ verb: "run", job: transient(wanted, folder) });
  const ended = answer.then(
    () => true,
    () => true,
  );
  while (!(await Promise.race([ended, sleep(POLL_MS, false)]))) for (const pump of pumps) pump();
  const { status } = await answer;
  for (const pump of pumps) pump();
  rmSync(folder, { recursive: true, force: true });
  return status?.exitStatus ?? 1;
}

await program("systemd-run", async () => {
  const wanted = parse(process.argv.slice(2));
  if (wanted.argv.length === 0) throw new Error("Command line to execute required.");
  for (const signal of ["SIGPIPE", "SIGHUP"] as const) process.on(signal, () => undefined);
  if (wanted.options.has("--pipe") || wanted.options.has("-P")) return runPiped(wanted);
  const job = transient(wanted, undefined);
  const answer = ask({ verb: "run", job });
  if (!wanted.options.has("--wait")) {
    await Promise.race([answer, sleep(200)]);
    if (!wanted.options.has("--quiet")) process.stderr.write(`Running as unit: ${job.name}\n`);
    return 0;
  }
  return (await answer).status?.exitStatus ?? 1;
});
