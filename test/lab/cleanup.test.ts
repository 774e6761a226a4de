/** However a test of the lab ends, it leaves nothing behind: no process, namespace, link, mount or folder. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { instanceOf, openInstance } from "./instance.ts";
import { claimLetter, releaseLetter } from "./machines/claim.ts";
import { must } from "./machines/process.ts";

const HOLD = join(import.meta.dirname, "world", "hold.ts");

interface Held {
  readonly id: string;
  readonly dir: string;
  readonly pid: number;
  end(signal: NodeJS.Signals): Promise<void>;
}

async function hold(): Promise<Held> {
  const argv = ["--disable-warning=ExperimentalWarning", HOLD];
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const [line] = (await Promise.race([once(lines, "line"), once(lines, "close")])) as [string?];
  const [id = "", dir = ""] = (line ?? "").split(" ");
  assert.notEqual(dir, "", "hold.ts ended before it raised its lab");
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  };
  return { id, dir, pid: child.pid ?? 0, end };
}

/** What is left of a lab, in words. */
async function leftOf({ id, dir }: Held): Promise<string[]> {
  const names = [await must(["ip", "netns", "list"]), await must(["ip", "-o", "link"])].join("\n").split("\n");
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  const processes = (await must(["ps", "-eo", "args"])).split("\n");
  return [
    ...names.filter((line) => line.includes(`nbc-${id}-`)),
    ...mounts.filter((line) => line.includes(dir)),
    ...processes.filter((line) => line.includes(`${dir}/`) || line.endsWith(dir)),
    ...(existsSync(dir) ? [dir] : []),
  ];
}

async function untilNothingIsLeft(held: Held): Promise<void> {
  const deadline = performance.now() + 60_000;
  while ((await leftOf(held)).length > 0 && performance.now() < deadline) await sleep(200);
  assert.deepEqual(await leftOf(held), []);
}

async function guardsOf(holder: number): Promise<number[]> {
  const lines = (await must(["ps", "-o", "pid=,args=", "--ppid", String(holder)])).split("\n");
  return lines.filter((line) => line.includes("guard.ts")).map((line) => Number.parseInt(line));
}

describe("the end of a lab", function () {
  this.timeout(5 * 60_000);

  for (const signal of ["SIGINT", "SIGKILL"] as const) {
    it(`leaves nothing behind after ${signal}`, async () => {
      const held = await hold();
      assert.ok((await leftOf(held)).length > 5, "it was there");
      await held.end(signal);
      await untilNothingIsLeft(held);
    });
  }

  for (const [what, remove] of [
    ["another checkout", false],
    ["a checkout that is gone", true],
  ] as const) {
    it(`is made by the next test, where that of ${what} was killed together with its guard`, async () => {
      const killed = await hold();
      const scratch = mkdtempSync(join(tmpdir(), "labs-"));
      try {
        const { id } = killed;
        for (const pid of await guardsOf(killed.pid)) process.kill(pid, "SIGKILL");
        await killed.end("SIGKILL");
        const theirs = { id, dir: join(scratch, "theirs") };
        renameSync(killed.dir, theirs.dir);
        claimLetter(instanceOf(id, theirs.dir), false);
        if (remove) rmSync(scratch, { recursive: true });
        const next = await hold();
        assert.deepEqual([next.id, next.dir, existsSync(theirs.dir)], [id, killed.dir, false]);
        await next.end("SIGKILL");
        await untilNothingIsLeft(next);
      } finally {
        rmSync(scratch, { recursive: true, force: true });
      }
    });
  }

  it("never takes another checkout's lab that is none of a test", () => {
    const scratch = mkdtempSync(join(tmpdir(), "labs-"));
    const [mine, theirs] = [openInstance("q", join(scratch, "mine")), openInstance("q", join(scratch, "theirs"))];
    claimLetter(theirs, false);
    try {
      assert.throws(() => {
        claimLetter(mine, true);
      }, /a lab of another checkout runs on this machine, in .*theirs/);
    } finally {
      releaseLetter(theirs);
      rmSync(scratch, { recursive: true });
    }
  });
});
