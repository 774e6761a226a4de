import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, it } from "mocha";
import { commandsOf, wrongWith } from "./commands.ts";
import { anchorsOf, type Block, blocksOf, linksOf, pages, proseOf, root } from "./markdown.ts";

const all = pages();
const blocks = all.flatMap(blocksOf);
const shell = blocks.filter(({ language }) => language === "sh");

/** Every complaint at once, with where it is. */
function none(complaints: readonly string[]): void {
  assert.deepEqual(complaints, []);
}

function at({ file, line }: Block): string {
  return `${file}:${line}`;
}

describe("the documentation", function () {
  this.timeout(120_000);

  it("has its pages, and a guide beside each component", () => {
    for (const page of [
      "first-hour",
      "adding-a-machine",
      "ci",
      "rotating-keys",
      "security",
      "comparison",
      "troubleshooting",
    ])
      assert.ok(all.includes(`docs/${page}.md`), page);
    for (const name of [
      "signing-key",
      "tailnet-access",
      "cache-server",
      "ci-publisher",
      "upload-hook",
      "client-settings",
    ])
      assert.ok(all.includes(`components/${name}/${name}.md`), name);
  });

  it("says of each block of commands who runs it, or that nobody does", () => {
    const ours = shell.filter(({ file }) => file !== "README.md");
    assert.ok(ours.length > 20);
    none(
      ours
        .filter(({ note }) => !["run", "lab", "not-run"].includes(note))
        .map((block) => `${at(block)}: "${block.note}"`),
    );
  });

  it("names only commands, verbs, flags, settings and units that exist", () => {
    const commands = shell.flatMap((block) => commandsOf(block.text).map((command) => ({ block, command })));
    assert.ok(commands.length > 50);
    none(
      commands.flatMap(({ block, command }) => {
        const wrong = wrongWith(command);
        return wrong === undefined ? [] : [`${at(block)}: ${command}: ${wrong}`];
      }),
    );
  });

  it("does so in its sentences, too", () => {
    none(
      all.flatMap((file) =>
        [...proseOf(file).matchAll(/`((?:sudo )?(?:cachectl|npm run|pulumi) [a-z][^`]*)`/g)].flatMap(
          ([, text = ""]) => {
            const wrong = commandsOf(text.replaceAll("…", "").replaceAll(/\s+/g, " ")).map(wrongWith)[0];
            return wrong === undefined ? [] : [`${file}: ${text}: ${wrong}`];
          },
        ),
      ),
    );
  });

  it("links to files and headings that are there", () => {
    none(
      all.flatMap((file) =>
        linksOf(file)
          .filter((target) => !/^[a-z]+:/.test(target))
          .flatMap((target) => {
            const [path = "", anchor] = target.split("#");
            const linked = path === "" ? file : normalize(join(dirname(file), path));
            if (!existsSync(join(root, linked))) return [`${file}: ${target}: there is no ${linked}`];
            const there = anchor === undefined || anchorsOf(linked).includes(anchor);
            return there ? [] : [`${file}: ${target}: ${linked} has no such heading`];
          }),
      ),
    );
  });

  it("draws with Mermaid's own kinds of diagrams", () => {
    const drawn = blocks.filter(({ language }) => language === "mermaid");
    assert.ok(drawn.length >= 6);
    none(drawn.filter(({ text }) => !/^(flowchart|sequenceDiagram|stateDiagram-v2)\b/.test(text)).map(at));
  });
});
