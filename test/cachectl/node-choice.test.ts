import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";

const program = join(import.meta.dirname, "../../nix/cachectl/cachectl");

describe("cachectl's choice of a Node", () => {
  let folder = "";
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "node-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Whether a Node that calls itself `version` is the one that is run. */
  function takes(version: string): boolean {
    const node = join(folder, "double-of-node");
    writeFileSync(node, `#!/bin/sh\n[ "$1" = --version ] && echo ${version} || echo "ran $*"\n`, { mode: 0o755 });
    const env = { PATH: "/usr/bin:/bin", NIX_BINARY_CACHE_NODE: node };
    return spawnSync("sh", [program, "help"], { env, encoding: "utf8" }).stdout.startsWith("ran ");
  }

  for (const version of ["v22.18.0", "v22.20.1", "v23.6.0", "v24.18.0", "v30.0.0", "v100.1.2"])
    it(`takes ${version}`, () => assert.ok(takes(version)));
  for (const version of ["v22.17.9", "v22.9.0", "v20.19.0", "v2.2.2", "v18.0.0", "", "nonsense"])
    it(`does not take ${version === "" ? "one that says nothing" : version}`, () => assert.ok(!takes(version)));
});
