import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";

const main = join(import.meta.dirname, "../../nix/cachectl/main.ts");
const kept = process.getuid?.() === 0 ? "compiled-root" : "compiled";

describe("what Node made of cachectl's files", () => {
  let state = "";
  beforeEach(() => (state = mkdtempSync(join(tmpdir(), "compiled-"))));
  afterEach(() => rmSync(state, { recursive: true, force: true }));

  function run(): void {
    const env = { PATH: process.env.PATH, NIX_BINARY_CACHE_STATE: state, NIX_BINARY_CACHE_ROOTS: join(state, "roots") };
    const { status, stderr } = spawnSync(process.execPath, [main, "queue"], { env, encoding: "utf8", timeout: 20_000 });
    assert.deepEqual([status, stderr.replaceAll(/\(.*\n.*\n/g, "")], [0, ""]);
  }

  it("is kept below the state, for this account alone", () => {
    if (kept === "compiled") mkdirSync(join(state, kept), { mode: 0o700 });
    run();
    assert.equal(readdirSync(join(state, kept)).length, 1);
  });

  it("is kept nowhere where there is no state", () => {
    rmSync(state, { recursive: true });
    run();
    assert.ok(!existsSync(state));
  });

  it("is not taken from a folder that others could write to, or that is a link", () => {
    if (kept === "compiled") mkdirSync(join(state, kept));
    chmodSync(kept === "compiled" ? join(state, kept) : state, 0o777);
    run();
    assert.ok(!existsSync(join(state, kept)) || readdirSync(join(state, kept)).length === 0);
    const target = state;
    state = `${target}-link`;
    symlinkSync(target, state);
    run();
    rmSync(state);
    state = target;
    assert.ok(!existsSync(join(state, kept)) || readdirSync(join(state, kept)).length === 0);
  });
});
