import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "mocha";
import { renderWorkflow } from "../../../components/ci-publisher/index.ts";
import { actionlint, find } from "./actionlint.ts";
import { title, variants } from "./variants.ts";

const shellcheck = find("shellcheck");

describe("linting the CI workflow", () => {
  it("passes actionlint in every variant", function () {
    this.timeout(300_000);
    const lint = actionlint();
    if ("missing" in lint) {
      this.runnable().title += ` (skipped: ${lint.missing})`;
      this.skip();
    }
    const folder = mkdtempSync(join(tmpdir(), "workflow-"));
    try {
      const files = variants.map((variant, index) => {
        const file = join(folder, `${index}.yml`);
        writeFileSync(file, renderWorkflow(variant));
        return { file, variant };
      });
      // With shellcheck on PATH, actionlint runs it over the programs as they stand in the file.
      const args = ["-no-color", "-pyflakes=", ...files.map(({ file }) => file)];
      const { status, stdout } = spawnSync(lint.program, args, { encoding: "utf8", timeout: 50_000 });
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
