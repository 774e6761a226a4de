/** Builds on the Mac, and what became of each: whatever was ever built is in the cache, or waits. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { World } from "../world/world.ts";
import { narinfoUrl, untilUploaded } from "./main-job.ts";
import { newPackage, secondsSince } from "./package.ts";

const ROOTS = "/nix/var/nix/gcroots/nix-binary-cache";
const ARRIVAL_SECONDS = 240;

export interface Queue {
  readonly waiting: readonly { readonly paths: readonly string[]; readonly reason: string }[];
  readonly rejected: readonly { readonly name: string; readonly reason: string }[];
  readonly uploadedPaths: number;
}

export class Uploads {
  readonly #world: World;
  readonly #url: string;
  /** Every path so far. */
  readonly built: string[] = [];
  #batches = 0;

  /** @param url the cache's */
  constructor(world: World, url: string) {
    this.#world = world;
    this.#url = url;
  }

  /** Takes paths that were built otherwise into account. */
  expect(paths: readonly string[]): void {
    this.built.push(...paths);
  }

  /** Builds packages of some KiB on the Mac, one derivation each; gives the seconds. @throws Error when one failed */
  async build(count: number, kibibytes = 0): Promise<number> {
    const { macbook } = this.#world.machines;
    const batch = this.#batches++;
    const packages = Array.from({ length: count }, (_, n) => newPackage(`batch-${batch}-${n}`, [], kibibytes));
    const file = `/tmp/batch-${batch}.nix`;
    await macbook.writeFile(file, `[ ${packages.map(({ expression }) => expression).join("\n")} ]\n`, 0o644);
    const started = performance.now();
    const argv = ["nix-build", file, "--no-out-link"];
    const { stdout } = await macbook.must(argv, { user: "alice", timeoutSeconds: 300 });
    this.expect(stdout.trim().split("\n"));
    return secondsSince(started);
  }

  /** Waits until no more than `count` builds wait. @throws Error when more do after four minutes */
  async untilWaiting(count: number): Promise<Queue> {
    const since = performance.now();
    for (;;) {
      const queue = await this.queue();
      if (queue.waiting.length <= count) return queue;
      if (secondsSince(since) > ARRIVAL_SECONDS) throw new Error(`still waiting: ${JSON.stringify(queue.waiting)}`);
      await sleep(500);
    }
  }

  /** Has the Mac try again at once what waits. */
  async retry(): Promise<void> {
    await this.#world.machines.macbook.must(["cachectl", "queue", "retry"]);
  }

  /**
   * Waits for all to arrive, and expects of each path what a user does: valid on the server after a garbage collection,
   * rooted, substitutable on the desktop, and nothing left behind on the Mac.
   */
  async arrive(): Promise<void> {
    const { macbook, server } = this.#world.machines;
    await this.nothingLost();
    await this.retry();
    await untilUploaded(macbook, ARRIVAL_SECONDS);
    const { waiting, rejected } = await this.queue();
    assert.deepEqual([waiting.length, rejected], [0, []], waiting[0]?.reason);
    assert.equal((await macbook.must(["ls", `${ROOTS}/queue`])).stdout, "");
    await server.must(["nix-store", "--gc"], { timeoutSeconds: 120 });
    assert.deepEqual(await this.missing(), []);
    await this.#substitutable();
  }

  /** What `cachectl queue` says on the Mac. */
  async queue(): Promise<Queue> {
    return JSON.parse((await this.#world.machines.macbook.must(["cachectl", "queue", "--json"])).stdout) as Queue;
  }

  /** Those that are not both valid and rooted on the server. */
  async missing(): Promise<string[]> {
    const { server } = this.#world.machines;
    const ask = ["nix-store", "--check-validity", "--print-invalid", ...this.built];
    const invalid = new Set((await server.must(ask)).stdout.split("\n"));
    const rooted = new Set((await server.must(["ls", `${ROOTS}/uploads/macbook`])).stdout.split("\n"));
    return this.built.filter((path) => invalid.has(path) || !rooted.has(path.slice("/nix/store/".length)));
  }

  /** What holds at every moment: whatever was ever built is on the server, rooted, or waits. */
  async nothingLost(): Promise<void> {
    const { waiting } = await this.queue();
    const here = new Set(waiting.flatMap(({ paths }) => paths));
    const lost = (await this.missing()).filter((path) => !here.has(path));
    // Taken out of the queue in between.
    const missing = new Set(lost.length > 0 ? await this.missing() : []);
    assert.deepEqual(
      lost.filter((path) => missing.has(path)),
      [],
    );
  }

  async #substitutable(): Promise<void> {
    const { desktop } = this.#world.machines;
    const entry = (path: string): string => `url = "${narinfoUrl(this.#url, path)}"\noutput = "/dev/null"\n`;
    const argv = ["curl", "--silent", "--write-out", "%{http_code}\n", "--config", "-"];
    const { stdout } = await desktop.run(argv, { stdin: this.built.map(entry).join(""), timeoutSeconds: 120 });
    const answers = stdout.trim().split("\n");
    assert.deepEqual(
      this.built.filter((_, index) => answers[index] !== "200"),
      [],
    );
  }
}
