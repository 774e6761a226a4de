/** Runs setup as a program, in a folder of its own, with doubles of the commands it finds on PATH. */
import { spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Workspace {
  readonly folder: string;
  /** Puts a command in front of PATH. */
  double(name: string, body: string): void;
  run(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ran>;
  read(file: string): string | undefined;
  remove(): void;
}

const root = new URL("../../../", import.meta.url).pathname;

/** A folder with the example in it, as a checkout has. */
export function workspace(): Workspace {
  const folder = mkdtempSync(join(tmpdir(), "setup-"));
  const bin = join(folder, "bin");
  mkdirSync(bin);
  copyFileSync(join(root, "Pulumi.dev.yaml"), join(folder, "Pulumi.dev.yaml"));
  return {
    folder,
    double: (name, body) => {
      writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`);
      chmodSync(join(bin, name), 0o755);
    },
    run: (args, env = {}) => run(args, folder, { PATH: `${bin}${delimiter}${process.env.PATH ?? ""}`, ...env }),
    read: (file) => (existsSync(join(folder, file)) ? readFileSync(join(folder, file), "utf8") : undefined),
    remove: () => {
      rmSync(folder, { recursive: true });
    },
  };
}

async function run(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<Ran> {
  const program = spawn(process.execPath, [join(root, "scripts/setup.ts"), ...args], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 30_000,
  });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    program[name].setEncoding("utf8").on("data", (text: string) => (output[name] += text));
  }
  const status = await new Promise<number | null>((resolve) => program.once("close", resolve));
  return { status, ...output };
}
