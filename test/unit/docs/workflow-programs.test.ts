/** The programs of the workflows for users' repositories, with doubles of pulumi and gh. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { workspace, type Workspace } from "../setup/program.ts";
import { root } from "./markdown.ts";

describe("the programs of the workflows for users' repositories", () => {
  let here: Workspace;
  beforeEach(() => {
    here = workspace();
  });
  afterEach(() => {
    here.remove();
  });

  function run(name: string, ...args: readonly string[]) {
    const PATH = `${here.folder}/bin${delimiter}${process.env.PATH ?? ""}`;
    const file = join(root, "scripts/ci", name);
    return spawnSync("sh", [file, ...args], { cwd: here.folder, env: { PATH }, encoding: "utf8", timeout: 30_000 });
  }

  describe("preview.sh", () => {
    it("writes a page of what the preview said, and ends well", () => {
      here.double("pulumi", 'echo "+ one resource"; echo "asked: $*"');
      const { status, stdout } = run("preview.sh", "home", "page.md");
      assert.equal(status, 0);
      assert.match(stdout, /one resource/);
      const page = here.read("page.md") ?? "";
      assert.match(page, /^### Preview of the stack `home`\n\n`{6}text\n\+ one resource\n/);
      assert.match(page, /asked: preview --stack home --diff --non-interactive --color never\n/);
      assert.match(page, /\n`{6}\n$/);
    });

    it("ends as the preview ends, with the page of why, also what it said as an error", () => {
      here.double("pulumi", 'echo "error: no changes were expected" >&2; exit 3');
      assert.equal(run("preview.sh", "home", "page.md", "--expect-no-changes").status, 3);
      assert.match(
        here.read("page.md") ?? "",
        /failed, or not as expected \(exit status 3\)[^]*no changes were expected/,
      );
    });

    it("keeps the end of what is too long for a comment, and says so", () => {
      here.double(
        "pulumi",
        `i=0; while [ $i -lt 3000 ]; do echo "line $i of a long preview of very many things"; i=$((i + 1)); done; echo the sum`,
      );
      assert.equal(run("preview.sh", "home", "page.md").status, 0);
      const page = here.read("page.md") ?? "";
      assert.ok(Buffer.byteLength(page) < 65_536);
      assert.match(page, /Only the end is shown/);
      assert.match(page, /the sum\n/);
    });

    it("says how it is used", () => {
      assert.match(run("preview.sh", "home").stderr, /usage: preview\.sh STACK FILE/);
    });
  });

  it("comment.sh has one comment on the pull request, which the next run changes", () => {
    here.double("gh", 'echo "$*" >>calls');
    writeFileSync(join(here.folder, "page.md"), "x");
    assert.equal(run("comment.sh", "7", "page.md").status, 0);
    assert.equal(here.read("calls"), "pr comment 7 --edit-last --create-if-none --body-file page.md\n");
  });

  describe("drift-issue.sh", () => {
    /** @param open the number of the open issue; "": there is none */
    function issues(open: string, outcome: string): string[] {
      here.double("gh", `echo "$1 $2 $3" >>calls\n[ "$2" != list ] || echo "${open}"`);
      writeFileSync(join(here.folder, "drift.md"), "x");
      assert.equal(run("drift-issue.sh", outcome, "drift.md").status, 0);
      return (here.read("calls") ?? "").trim().split("\n").slice(1);
    }

    it("opens one issue", () => {
      assert.deepEqual(issues("", "failure"), ["issue create --title"]);
    });
    it("adds to the one that is open", () => {
      assert.deepEqual(issues("12", "failure"), ["issue comment 12"]);
    });
    it("closes it when all is well again", () => {
      assert.deepEqual(issues("12", "success"), ["issue close 12"]);
    });
    it("is silent while all is well", () => {
      assert.deepEqual(issues("", "success"), []);
    });
    it("fails when GitHub does", () => {
      here.double("gh", "exit 1");
      assert.notEqual(run("drift-issue.sh", "success", "drift.md").status, 0);
    });
  });
});
