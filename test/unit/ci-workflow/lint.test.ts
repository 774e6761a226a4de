import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, constants, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import assert from "node:assert/strict";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { describe, it } from "mocha";
import { renderWorkflow } from "../../../components/ci-publisher/index.ts";
import { title, variants } from "./variants.ts";

/** The first executable of this name among the project's tools and on PATH. */
function find(tool: string): string | undefined {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
  const folders = [join(cache, "nix-binary-cache", "tools"), ...(process.env.PATH ?? "").split(delimiter)];
  return folders
    .map((folder) => join(folder, tool))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

const actionlint = find("actionlint");
const shellcheck = find("shellcheck");

describe("linting the CI workflow", () => {
  it(`passes actionlint in every variant${actionlint === undefined ? " (skipped: actionlint is not installed)" : ""}`, function () {
    if (actionlint === undefined) this.skip();
    this.timeout(60_000);
    const folder = mkdtempSync(join(tmpdir(), "workflow-"));
    try {
      const files = variants.map((variant, index) => {
        const file = join(folder, `${index}.yml`);
        writeFileSync(file, renderWorkflow(variant));
        return { file, variant };
      });
      // With shellcheck on PATH, actionlint runs it over the programs as they stand in the file.
      const args = ["-no-color", "-pyflakes=", ...files.map(({ file }) => file)];
      const { status, stdout } = spawnSync(actionlint, args, { encoding: "utf8", timeout: 50_000 });
      assert.equal(
        status,
        0,
        `${files.map(({ variant }, index) => `${index}: ${title(variant)}`).join("\n")}\n${stdout}`,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it(`has programs that pass shellcheck${shellcheck === undefined ? " (skipped: shellcheck is not installed)" : ""}`, function () {
    if (shellcheck === undefined) this.skip();
    this.timeout(30_000);
    const folder = new URL("../../../nix/ci/", import.meta.url).pathname;
    const programs = readdirSync(folder).filter((name) => name.endsWith(".sh"));
    assert.ok(programs.length > 0);
    execFileSync(shellcheck, ["--shell=sh", ...programs.map((name) => join(folder, name))], { timeout: 25_000 });
  });
});
