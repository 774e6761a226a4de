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
    const files = readdirSync(join(root, "nix/modules"), { recursive: true, encoding: "utf8" });
    const modules = files.filter((file) => file.endsWith(".nix")).map((file) => read(`nix/modules/${file}`));
    const text = `${modules.join("\n")}\n${read("nix/flake.nix")}`;
    const named = nix.flatMap((block) =>
      [
        ...block.text.matchAll(
          /(?:nixosModules|darwinModules|services\.nix-binary-cache|server|client|builder)\.([a-zA-Z]+)/g,
        ),
      ].map(([whole, name = ""]) => ({ where: `${block.file}:${block.line}: ${whole}`, name })),
    );
    assert.ok(named.length > 10);
    const unknown = named.filter(({ name }) => !new RegExp(`\\b${name}\\b( =|\\.|\\s*\\{)`).test(text));
    assert.deepEqual(
      unknown.map(({ where }) => where),
      [],
    );
  });

  it("name options in sentences that the modules have", () => {
    const files = readdirSync(join(root, "nix/modules"), { recursive: true, encoding: "utf8" });
    const text = files
      .filter((file) => file.endsWith(".nix"))
      .map((file) => read(`nix/modules/${file}`))
      .join("\n");
    const named = pages().flatMap((page) => [...read(page).matchAll(/`services\.nix-binary-cache\.([A-Za-z.]+)`/g)]);
    assert.ok(named.length > 2);
    for (const [whole, path = ""] of named) {
      for (const part of path.split(".")) assert.match(text, new RegExp(`\\b${part}\\b`), whole);
    }
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
