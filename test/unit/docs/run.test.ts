/** Runs the blocks that the documentation says are run, in order, in a folder of their own for each page. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, it } from "mocha";
import { workspace } from "../setup/program.ts";
import { blocksOf, pages, root } from "./markdown.ts";

/** `npm run setup` and `cachectl` as a checkout and a host have them, but in the folder at hand. */
const npm = `[ "$1 $2" = "run setup" ] || { echo "this double knows only npm run setup, found: $*" >&2; exit 2; }
shift 2
[ "\${1:-}" != "--" ] || shift
exec "${process.execPath}" "${root}scripts/setup.ts" "$@"`;
const cachectl = `exec "${process.execPath}" "${root}nix/cachectl/main.ts" "$@"`;

const marked = pages().filter((page) =>
  blocksOf(page).some(({ language, note }) => language === "sh" && note === "run"),
);

describe("the commands that the documentation says are run", function () {
  this.timeout(120_000);

  it("are there", () => {
    assert.ok(marked.includes("docs/first-hour.md"));
  });

  for (const page of marked) {
    it(`end well: ${page}`, () => {
      const here = workspace();
      try {
        here.double("npm", npm);
        here.double("cachectl", cachectl);
        for (const { language, note, text } of blocksOf(page)) {
          if (language === "yaml" && /^[a-z]+\.yaml$/.test(note)) writeFileSync(join(here.folder, note), text);
        }
        const commands = blocksOf(page).filter(({ language, note }) => language === "sh" && note === "run");
        for (const { line, text } of commands) {
          const PATH = `${here.folder}/bin${delimiter}${process.env.PATH ?? ""}`;
          const ran = spawnSync("sh", ["-euc", text], {
            cwd: here.folder,
            env: { PATH },
            encoding: "utf8",
            timeout: 60_000,
          });
          assert.equal(ran.status, 0, `${page}:${line}\n${ran.stdout}${ran.stderr}`);
        }
      } finally {
        here.remove();
      }
    });
  }
});
