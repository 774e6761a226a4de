import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import fc from "fast-check";
import { parseLimits } from "../../nix/cachectl/receive/limits.ts";
import { isStorePath, readPathList } from "../../nix/cachectl/receive/path-list.ts";
import { Refusal } from "../../nix/cachectl/receive/refusal.ts";
import { parseRequest } from "../../nix/cachectl/receive/request.ts";
import { BuilderRoots } from "../../nix/cachectl/receive/roots.ts";
import { storePath } from "./receive-protocol.ts";

const limits = parseLimits({});

/** More rounds where there is time for them. */
const rounds = process.env.SOAK === undefined ? 1 : 20;

describe("announcements and requests that nobody meant to send", () => {
  it("makes roots for the store paths of a whole list only, in 2,000 generated announcements", async function () {
    this.timeout(60_000 * rounds);
    const folder = mkdtempSync(join(tmpdir(), "receive-fuzz-"));
    const line = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...["a", "b", "c"].map(storePath)) },
      fc.string({ unit: "binary" }),
      fc.constantFrom("..", "/nix/store/../../etc/x", `${storePath("a")}\0`, `${storePath("a")}/x`, "\n", ""),
    );
    const property = fc.asyncProperty(fc.array(line, { maxLength: 5 }), fc.boolean(), async (lines, whole) => {
      const text = lines.map((one) => `${one}\n`).join("");
      const sent = whole ? text : `${text}/nix/sto`;
      const incoming = join(folder, "incoming", "alpha");
      rmSync(incoming, { recursive: true, force: true });
      const announced = await readPathList(Readable.from([Buffer.from(sent)]), limits).catch((error: unknown) => {
        assert.ok(error instanceof Refusal);
        return undefined;
      });
      if (announced !== undefined) new BuilderRoots(folder, "alpha").announce(announced, limits);
      const expected = lines.every(isStorePath) && whole ? [...new Set(lines)].map((path) => basename(path)) : [];
      assert.deepEqual(existsSync(incoming) ? readdirSync(incoming).sort() : [], expected.sort());
      assert.deepEqual(
        readdirSync(folder).filter((name) => name !== "incoming"),
        [],
      );
    });
    await fc.assert(property, { numRuns: 2000 * rounds });
    rmSync(folder, { recursive: true });
  });

  it("knows four requests and no fifth, whatever is typed", () => {
    const known = ["nix-store --serve --write", "announce", "commit", "status"];
    const near = fc
      .tuple(fc.constantFrom(...known), fc.string(), fc.string())
      .map(([word, before, after]) => before + word + after);
    const property = fc.property(fc.oneof(fc.string({ unit: "binary" }), near), (typed) => {
      if (known.includes(typed)) return;
      assert.throws(() => parseRequest(["-c", typed], undefined), Refusal);
    });
    fc.assert(property, { numRuns: 5000 * rounds });
  });
});
