import assert from "node:assert/strict";
import type { ResourceDouble } from "../../lab/providers/shared/double.ts";
import { difference, previewCreate, previewUpdate, stateOf } from "../../lab/providers/shared/lifecycle.ts";
import { checkProperties } from "../../lab/providers/shared/table.ts";
import { hasUnknown, isSecret, reveal, secret, UNKNOWN } from "../../lab/providers/shared/wire.ts";

const double: ResourceDouble = {
  inputs: { name: "string, required, replaces", tags: "strings", value: "string, secret" },
  outputs: { key: "string, secret", made: "string" },
  unknownOnUpdate: ["made"],
  same: { tags: (a, b) => JSON.stringify([...(a as string[])].sort()) === JSON.stringify([...(b as string[])].sort()) },
  create: () => Promise.resolve({ id: "1", state: {} }),
  update: () => Promise.resolve({}),
};

describe("a double's check of inputs", () => {
  const reasons = (given: Parameters<typeof checkProperties>[0]): string[] =>
    checkProperties(given, double.inputs, {}).map(({ reason }) => reason);

  it("names an unknown input and what is known", () => {
    assert.deepEqual(reasons({ name: "a", nmae: "b" }), ["Unknown property 'nmae'; known are: name, tags, value"]);
  });

  it("names a missing one and a wrong type, and never shows a value", () => {
    assert.deepEqual(reasons({ tags: "hunter2" }), [
      "Missing required property 'name'",
      "'tags' expected type 'strings', got string",
    ]);
  });

  it("passes what a preview does not know yet, also in part", () => {
    assert.deepEqual(reasons({ name: UNKNOWN, tags: ["a", UNKNOWN] }), []);
  });

  it("looks inside secrets and object types", () => {
    const types = { Connection: { host: "string, required" } } as const;
    const found = checkProperties({ connection: secret({ hots: "h" }) }, { connection: "Connection, required" }, types);
    assert.deepEqual(
      found.map(({ property }) => property),
      ["connection.hots", "connection.host"],
    );
  });
});

describe("a double's diff", () => {
  const inputs = { name: "a", tags: ["x", "y"], value: secret("v") };

  it("is empty for the same inputs, whatever their secret marks", () => {
    assert.deepEqual(difference(double, { ...inputs, value: "v" }, inputs, inputs), { changes: [], replaces: [] });
  });

  it("leaves out differences that mean the same", () => {
    assert.deepEqual(difference(double, inputs, inputs, { ...inputs, tags: ["y", "x"] }).changes, []);
  });

  it("replaces on a change of an input marked so, and on an unknown one", () => {
    assert.deepEqual(difference(double, inputs, inputs, { ...inputs, name: "b" }).replaces, ["name"]);
    assert.deepEqual(difference(double, inputs, inputs, { ...inputs, name: UNKNOWN }).replaces, ["name"]);
  });

  it("sees an input that was taken away, and drift that a refresh found", () => {
    assert.deepEqual(difference(double, inputs, inputs, { name: "a", tags: ["x", "y"] }).changes, ["value"]);
    assert.deepEqual(difference(double, { ...inputs, tags: ["z"] }, inputs, inputs).changes, ["tags"]);
  });
});

describe("a double's state", () => {
  it("marks what the table says is secret and what came in as secret", () => {
    const state = stateOf(double, { name: secret("n"), value: "v" }, { key: "k", made: "m", name: "N" });
    const marked = Object.keys(state).filter((name) => isSecret(state[name]));
    assert.deepEqual(marked.sort(), ["key", "name", "value"]);
    assert.deepEqual(reveal(state), { name: "N", value: "v", key: "k", made: "m" });
  });

  it("is unknown in the preview of a create, and known in an update's but for what changes", () => {
    const created = previewCreate(double, { name: "a" });
    assert.ok(hasUnknown(created.key ?? null) && hasUnknown(created.made ?? null));
    const updated = previewUpdate(double, { name: "a", key: secret("k"), made: "m" }, { name: "a", tags: [] });
    assert.equal(reveal(updated.key ?? null), "k");
    assert.ok(hasUnknown(updated.made ?? null));
  });
});
