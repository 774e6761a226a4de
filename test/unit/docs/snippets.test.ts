import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "mocha";
import { parseDocument } from "yaml";
import { blocksOf, pages, read, root } from "./markdown.ts";

const blocks = pages().flatMap(blocksOf);
const nix = blocks.filter(({ language }) => language === "nix");
const stacks = blocks.filter(({ language, note }) => language === "yaml" && note === "stack");

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

/** Paths of a value that the schema does not know. */
function unknownIn(value: unknown, schema: Schema | undefined, path: string): string[] {
  if (schema === undefined) return [path];
  if (Array.isArray(value))
    return value.flatMap((item, index) => unknownIn(item, schema.items ?? {}, `${path}[${index}]`));
  if (typeof value !== "object" || value === null || schema.properties === undefined) return [];
  const { properties } = schema;
  return Object.entries(value).flatMap(([key, inner]) => unknownIn(inner, properties[key], `${path}.${key}`));
}

/** Names that the modules declare options by, and of the sets that these stand in. */
const optionNames = new Set(
  readdirSync(join(root, "nix/modules"), { recursive: true, encoding: "utf8" })
    .filter((file) => /options\.nix$|common\.nix$/.test(file))
    .flatMap((file) => [
      ...read(`nix/modules/${file}`).matchAll(/(\w+) =\s*(?:lib\.)?(?:mkOption|mkEnableOption|setting|\{)/g),
    ])
    .map(([, name = ""]) => name)
    .concat(["server", "client", "builder"]),
);

function isOption(path: string): boolean {
  return path.split(".").every((name) => optionNames.has(name));
}

const hasNix = spawnSync("nix-instantiate", ["--version"], { timeout: 20_000 }).status === 0;

describe("the documentation's snippets", () => {
  it("have settings of the stack that there are", () => {
    const schema = JSON.parse(read("docs/config.schema.json")) as { properties: { config: Schema } };
    assert.ok(stacks.length > 5);
    for (const { file, line, text } of stacks) {
      const document = parseDocument(text);
      assert.deepEqual(document.errors, [], `${file}:${line}`);
      assert.deepEqual(unknownIn(document.toJS(), schema.properties.config, ""), [], `${file}:${line}`);
    }
  });

  it("have the modules' own options", () => {
    const named = nix.flatMap(({ file, line, text }) =>
      [
        ...text.matchAll(/^\s*(?:services\.nix-binary-cache\.)?((?:server|client|builder|vars)(?:\.[a-zA-Z]+)*) =/gm),
      ].map(([, path = ""]) => ({ where: `${file}:${line}: ${path}`, path })),
    );
    assert.ok(named.length > 8);
    assert.deepEqual(
      named.filter(({ path }) => !isOption(path)).map(({ where }) => where),
      [],
    );
  });

  it("import modules that the flake exports", () => {
    const exported = read("nix/flake.nix");
    const named = nix.flatMap(({ text }) => [...text.matchAll(/(nixosModules|darwinModules)\.([a-z]+)/g)]);
    assert.ok(named.length > 5);
    for (const [whole, group = "", name = ""] of named) {
      const wanted = new RegExp(`${group}(\\.${name} =| = \\{[^}]*\\b${name} =)`);
      assert.match(exported, wanted, whole);
    }
  });

  it("name options in sentences that the modules have", () => {
    const named = pages().flatMap((page) => [...read(page).matchAll(/`services\.nix-binary-cache\.([A-Za-z.]+)`/g)]);
    assert.ok(named.length > 2);
    for (const [whole, path = ""] of named) assert.ok(isOption(path), whole);
  });

  it(`are Nix that parses${hasNix ? "" : " (skipped: nix-instantiate is not installed)"}`, function () {
    if (!hasNix) return this.skip();
    this.timeout(60_000);
    for (const { file, line, text } of nix) {
      const { status, stderr } = spawnSync("nix-instantiate", ["--parse", "-"], {
        input: text,
        encoding: "utf8",
        timeout: 20_000,
      });
      assert.equal(status, 0, `${file}:${line}: ${stderr}`);
    }
  });
});
