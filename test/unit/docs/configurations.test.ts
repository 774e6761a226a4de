/** The machines' configurations in the documentation, evaluated with this project's own modules. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { needsNix } from "../../nix/module-nix.ts";
import { vars } from "../../nix/module-stack.ts";
import { type Block, blocksOf, pages, root } from "./markdown.ts";

interface Evaluated {
  readonly failed: readonly string[];
  readonly enabled: readonly string[];
  readonly files: readonly string[];
  readonly url: string | null;
}

/** Blocks that are a whole module or a whole flake; the rest are parts. */
const whole = pages()
  .flatMap(blocksOf)
  .filter(({ language, text }) => language === "nix" && text.includes("services.nix-binary-cache"));

/** The roles that a block switches on. */
function rolesIn({ text }: Block): string[] {
  return ["server", "client", "builder"].filter((role) => text.includes(`${role}.enable = true`));
}

describe("the configurations in the documentation", () => {
  before(needsNix);
  let source: string;
  before(() => {
    source = mkdtempSync(join(tmpdir(), "docs-"));
    mkdirSync(join(source, "nix/vars"), { recursive: true });
    writeFileSync(join(source, "nix/vars/home.json"), JSON.stringify(vars));
    writeFileSync(join(source, "configuration.nix"), "{ }");
  });
  after(() => {
    rmSync(source, { recursive: true, force: true });
  });

  function evaluate({ text }: Block, release: string, system: string): Evaluated {
    const snippet = join(source, "snippet.nix");
    writeFileSync(snippet, text);
    const given = Object.entries({ root, snippet, source, release, system });
    const args = given.flatMap(([name, value]) => ["--argstr", name, value]);
    const file = join(root, "test/unit/docs/evaluate.nix");
    const env = { PATH: process.env.PATH, HOME: source, NIX_STATE_DIR: source, NIX_LOG_DIR: source };
    const ran = spawnSync("nix-instantiate", ["--eval", "--strict", "--json", file, ...args], {
      encoding: "utf8",
      env,
      timeout: 60_000,
    });
    assert.equal(ran.status, 0, ran.stderr);
    return JSON.parse(ran.stdout) as Evaluated;
  }

  it("are there for every role", () => {
    assert.deepEqual([...new Set(whole.flatMap(rolesIn))].sort(), ["builder", "client", "server"]);
  });

  for (const block of whole) {
    const mac = block.text.replaceAll(/#.*/g, "").includes("darwinModules");
    for (const release of mac ? ["darwin", "determinate"] : ["24.11", "26.05", "26.11"]) {
      it(`${block.file}:${block.line} switches on what it says (${release})`, function () {
        this.timeout(60_000);
        const { failed, enabled, url } = evaluate(block, release, mac ? "aarch64-darwin" : "x86_64-linux");
        assert.deepEqual(failed, []);
        assert.deepEqual(enabled, rolesIn(block));
        if (enabled.includes("client")) assert.equal(url, vars.cache.url);
      });
    }
  }
});
