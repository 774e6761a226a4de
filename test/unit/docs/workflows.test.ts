import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "mocha";
import { parse } from "yaml";
import * as pinned from "../../../components/ci-publisher/actions.ts";
import { actionlint } from "../ci-workflow/actionlint.ts";
import { read, root } from "./markdown.ts";

interface Step {
  readonly name: string;
  readonly uses?: string;
  readonly run?: string;
}
interface Workflow {
  readonly permissions: Record<string, string>;
  readonly jobs: Record<string, { readonly if: string; readonly environment: string; readonly steps: readonly Step[] }>;
}

const folder = "docs/workflows";
const files = readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
const workflows = files.map((file) => ({ file, text: read(file), workflow: parse(read(file)) as Workflow }));
const steps = workflows.flatMap(({ workflow }) => Object.values(workflow.jobs).flatMap((job) => job.steps));

describe("the workflows for users' repositories", () => {
  it("pass actionlint", function () {
    this.timeout(300_000);
    const lint = actionlint();
    if ("missing" in lint) {
      this.runnable().title += ` (skipped: ${lint.missing})`;
      return this.skip();
    }
    const args = ["-no-color", "-pyflakes=", ...files.map((file) => join(root, file))];
    const { status, stdout } = spawnSync(lint.program, args, { encoding: "utf8", timeout: 50_000 });
    assert.equal(status, 0, stdout);
  });

  it("name every action by its commit, with the version beside it", () => {
    const used = workflows.flatMap(({ text }) => [...text.matchAll(/uses: (.*)$/gm)].map(([, action = ""]) => action));
    assert.ok(used.length >= 8);
    for (const action of used) assert.match(action, /^[a-z-]+\/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it("use the same commits as the workflow that fills the cache", () => {
    for (const { name, commit } of [pinned.checkout, pinned.tailscale]) {
      const used = steps.filter(({ uses }) => uses?.startsWith(`${name}@`) === true);
      assert.equal(used.length, workflows.length, name);
      for (const { uses } of used) assert.equal(uses, `${name}@${commit}`);
    }
  });

  it("run programs that are there", () => {
    const programs = steps.flatMap(({ run = "" }) =>
      [...run.matchAll(/\b(scripts\/\S+\.sh)/g)].map(([, file = ""]) => file),
    );
    assert.ok(programs.length >= 4);
    for (const file of programs) assert.ok(existsSync(join(root, file)), file);
  });

  it("may read only, but for the one thing that each writes", () => {
    for (const { file, workflow } of workflows) assert.deepEqual(workflow.permissions, { contents: "read" }, file);
  });

  it("never run for a fork, and put credentials behind an environment", () => {
    for (const { file, workflow } of workflows) {
      for (const job of Object.values(workflow.jobs)) {
        assert.equal(job.environment, "nix-cache-operator", file);
        assert.match(job.if, /head\.repo\.full_name == github\.repository|repository\.fork == false/, file);
      }
    }
  });
});
