/** However a test of the lab ends, it leaves nothing behind: no process, namespace, link, mount or folder. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { openInstance } from "./instance.ts";
import { claimLetter, releaseLetter } from "./machines/claim.ts";
import { must } from "./machines/process.ts";

const HOLD = join(import.meta.dirname, "world", "hold.ts");

interface Held {
  readonly id: string;
  readonly dir: string;
  end(signal: NodeJS.Signals): Promise<void>;
}

async function hold(): Promise<Held> {
  const argv = ["--disable-warning=ExperimentalWarning", HOLD];
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const [id = "", dir = ""] = line.split(" ");
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  };
  return { id, dir, end };
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

describe("the end of a lab", function () {
  this.timeout(45 * 60_000);

  for (const signal of ["SIGINT", "SIGKILL"] as const) {
    it(`leaves nothing behind after ${signal}`, async () => {
      const held = await hold();
      assert.ok((await leftOf(held)).length > 5, "it was there");
      await held.end(signal);
      const deadline = performance.now() + 60_000;
      while ((await leftOf(held)).length > 0 && performance.now() < deadline) await sleep(200);
      assert.deepEqual(await leftOf(held), []);
    });
  }

  it("never takes another checkout's lab", () => {
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
