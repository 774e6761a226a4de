import assert from "node:assert/strict";
import { finished } from "node:stream/promises";
import fc from "fast-check";
import { Admission } from "../../nix/cachectl/receive/admission.ts";
import { serveCommands } from "../../nix/cachectl/receive/filter/serve-commands.ts";
import { StreamFilter } from "../../nix/cachectl/receive/filter/stream-filter.ts";
import type { Ledger } from "../../nix/cachectl/receive/ledger.ts";
import { parseLimits } from "../../nix/cachectl/receive/limits.ts";
import { isStorePath } from "../../nix/cachectl/receive/path-list.ts";
import { Refusal } from "../../nix/cachectl/receive/refusal.ts";
import { commandsOf, cut, damaged, key, session, uploads } from "./receive-fuzz-sessions.ts";
import { greeting, storePath, strs, u64 } from "./receive-protocol.ts";

const limits = parseLimits({ limits: { maxPathBytes: "1MiB" } });

/** More rounds where there is time for them. */
const rounds = process.env.SOAK === undefined ? 1 : 20;

/** A ledger without a disk. */
const ledger = { total: () => 0, add: () => undefined } as unknown as Ledger;

function filterOf(): StreamFilter {
  const policy = new Admission(limits, ledger, {
    knownKeys: [key.publicKey],
    nixKeys: () => [],
    freeBytes: () => 2 ** 50,
    announced: () => 1,
    hold: () => undefined,
    registered: () => true,
    isStorePath,
  });
  return new StreamFilter((send) => serveCommands(policy, send));
}

/** Sends chunks through a filter; what came out, and the refusal if there was one. Nothing else may be thrown. */
async function pass(chunks: readonly Buffer[]): Promise<{ sent: Buffer; refusal?: Refusal }> {
  const filter = filterOf();
  const sent: Buffer[] = [];
  filter.on("data", (chunk: Buffer) => sent.push(chunk));
  for (const chunk of chunks) filter.write(chunk);
  filter.end();
  try {
    await finished(filter);
  } catch (error) {
    if (error instanceof Refusal) return { sent: Buffer.concat(sent), refusal: error };
    throw error;
  }
  return { sent: Buffer.concat(sent) };
}

describe("the serve protocol's filter, given what nobody meant to send", () => {
  it("lets no forbidden command, foreign path or unsigned path through in 10,000 generated sessions", async function () {
    this.timeout(120_000 * rounds);
    let through = 0;
    const property = fc.asyncProperty(session, async ([commands, harm, sizes, greeted]) => {
      const whole = Buffer.concat([greeted ?? u64(0), ...commands]);
      const bytes = harm === null ? whole : damaged(whole, harm);
      const { sent } = await pass(cut(bytes, sizes));
      through += commandsOf(sent).length;
    });
    await fc.assert(property, { numRuns: 10_000 * rounds });
    assert.ok(through > 1000, `only ${through} commands got through: the generator made nothing of use`);
  });

  it("passes on every session that a client could mean, whole and whatever the chunks", async () => {
    const store = fc.constantFrom(storePath("x"), storePath("y"), storePath("z"));
    const meant = fc.oneof(
      fc.constantFrom(...uploads),
      fc.array(store).map((list) => Buffer.concat([u64(1), u64(1), u64(1), strs(list)])),
      fc.array(store).map((list) => Buffer.concat([u64(2), strs(list)])),
    );
    const property = fc.asyncProperty(
      fc.array(meant),
      fc.array(fc.integer({ min: 1, max: 99 })),
      async (commands, sizes) => {
        const bytes = Buffer.concat([greeting, ...commands]);
        assert.deepEqual(await pass(cut(bytes, sizes)), { sent: bytes });
      },
    );
    await fc.assert(property, { numRuns: 300 * rounds });
  });
});
