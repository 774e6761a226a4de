/** The doubles' tables, held to the schemas of the real providers. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { commandPackage } from "../../lab/providers/command/package.ts";
import { githubPackage } from "../../lab/providers/github/package.ts";
import type { PackageDouble } from "../../lab/providers/shared/double.ts";
import { parseProperty, type Properties } from "../../lab/providers/shared/table.ts";
import { packageVersion } from "../../lab/providers/shared/version.ts";
import { tailscalePackage } from "../../lab/providers/tailscale/package.ts";

const API = join(import.meta.dirname, "../../../../shared/api");

interface SchemaProperty {
  type?: string;
  $ref?: string;
  items?: { type?: string };
  secret?: boolean;
  willReplaceOnChanges?: boolean;
  replaceOnChanges?: boolean;
}
interface SchemaObject {
  properties: Record<string, SchemaProperty>;
  required?: string[];
}
interface Schema {
  version: string;
  provider: { inputProperties?: Record<string, SchemaProperty> };
  types: Record<string, SchemaObject>;
  resources: Record<
    string,
    {
      inputProperties: Record<string, SchemaProperty>;
      requiredInputs?: string[];
      properties: Record<string, SchemaProperty>;
    }
  >;
  functions: Record<string, { inputs?: SchemaObject; outputs: SchemaObject }>;
}

function schemaKind({ type, $ref = "", items }: SchemaProperty): string {
  if ($ref.endsWith("Any")) return "any";
  if ($ref.endsWith("Asset")) return "asset";
  if ($ref.endsWith("Logging")) return "string";
  if ($ref !== "") return "object type";
  if (type === "integer") return "number";
  if (type === "array") return items?.type === "string" ? "strings" : "list";
  return type === "object" ? "map" : (type ?? "");
}

/** The schema's properties in the table's words, without secrecy. */
function expected(properties: Record<string, SchemaProperty>, required: string[] = []): Record<string, string> {
  const entries = Object.entries(properties).map(([name, property]) => {
    const replaces = property.willReplaceOnChanges === true || property.replaceOnChanges === true;
    return [
      name,
      `${schemaKind(property)}${required.includes(name) ? ", required" : ""}${replaces ? ", replaces" : ""}`,
    ];
  });
  return Object.fromEntries(entries) as Record<string, string>;
}

function actual(properties: Properties): Record<string, string> {
  const entries = Object.entries(properties).map(([name, property]) => {
    const { kind, required, replaces } = parseProperty(property);
    const shown = /^[A-Z]/.test(kind) ? "object type" : kind;
    return [name, `${shown}${required ? ", required" : ""}${replaces ? ", replaces" : ""}`];
  });
  return Object.fromEntries(entries) as Record<string, string>;
}

function secrets(properties: Record<string, SchemaProperty> | Properties): string[] {
  const isSecret = (property: SchemaProperty | string): boolean =>
    typeof property === "string" ? property.endsWith(", secret") : property.secret === true;
  return Object.keys(properties)
    .filter((name) => isSecret(properties[name] ?? ""))
    .sort();
}

const PACKAGES: PackageDouble[] = [
  tailscalePackage(packageVersion("tailscale")),
  githubPackage(packageVersion("github")),
  commandPackage(packageVersion("command")),
];

for (const double of PACKAGES) {
  describe(`the double of @pulumi/${double.name} and the real provider's schema`, () => {
    let schema: Schema;

    before(`needs the schema beside the project`, function () {
      const path = join(API, `${double.name}.schema.json`);
      if (existsSync(path)) schema = JSON.parse(readFileSync(path, "utf8")) as Schema;
      else this.skip();
    });

    it("have the same major and minor version", () => {
      const minor = (version: string): string => version.split(".").slice(0, 2).join(".");
      assert.equal(minor(double.version), minor(schema.version));
    });

    it("take the same provider arguments with the same secrets", () => {
      const given = schema.provider.inputProperties ?? {};
      assert.deepEqual(Object.keys(double.config).sort(), Object.keys(given).sort());
      assert.deepEqual(secrets(double.config), secrets(given));
    });

    for (const [token, resource] of Object.entries(double.resources)) {
      it(`agree on ${token}: inputs, types, required, what replaces, secrets`, () => {
        const real = schema.resources[token];
        assert.ok(real, `${token} is not in the schema`);
        assert.deepEqual(actual(resource.inputs), expected(real.inputProperties, real.requiredInputs));
        const computed = Object.keys(real.properties).filter((name) => real.inputProperties[name] === undefined);
        assert.deepEqual(Object.keys(resource.outputs).sort(), computed.sort());
        assert.deepEqual(secrets({ ...resource.inputs, ...resource.outputs }), secrets(real.properties));
      });
    }

    for (const [token, found] of Object.entries(double.functions)) {
      it(`agree on ${token}`, () => {
        const real = schema.functions[token];
        assert.ok(real, `${token} is not in the schema`);
        assert.deepEqual(actual(found.inputs), expected(real.inputs?.properties ?? {}, real.inputs?.required));
        assert.deepEqual([...found.outputs].sort(), Object.keys(real.outputs.properties).sort());
      });
    }

    for (const [name, properties] of Object.entries(double.types)) {
      it(`agree on the object type ${name}`, () => {
        const real = Object.entries(schema.types).find(([token]) => token.endsWith(`:${name}`) || token.endsWith(name));
        assert.ok(real, `${name} is not in the schema`);
        assert.deepEqual(actual(properties), expected(real[1].properties, real[1].required));
        assert.deepEqual(secrets(properties), secrets(real[1].properties));
      });
    }
  });
}
