import assert from "node:assert/strict";
import { kindOf } from "../../nix/cachectl/coverage/builds.ts";
import { nameOf, parsePlan } from "../../nix/cachectl/coverage/plan.ts";

const path = (letter: string, name: string): string => `/nix/store/${letter.repeat(32)}-${name}`;
const none = { builds: [], fetches: [], missing: [], downloadBytes: 0, unpackedBytes: 0 };

describe("Nix's plan", () => {
  it("of nothing is empty", () => {
    assert.deepEqual(parsePlan([]), none);
    assert.deepEqual(parsePlan(["warning: Git tree '/x' is dirty", "evaluating derivation…"]), none);
  });

  it("tells builds, fetches and their sizes, one or many", () => {
    const one = [
      "this derivation will be built:",
      `  ${path("a", "app.drv")}`,
      "this path will be fetched (0.05 MiB download, 0.23 MiB unpacked):",
      `  ${path("b", "bash")}`,
    ];
    assert.deepEqual(parsePlan(one), {
      ...none,
      builds: [path("a", "app.drv")],
      fetches: [path("b", "bash")],
      downloadBytes: Math.round(0.05 * 1024 ** 2),
      unpackedBytes: Math.round(0.23 * 1024 ** 2),
    });
    const many = [
      "these 2 derivations will be built:",
      `  ${path("a", "app.drv")}`,
      `  ${path("c", "cat.drv")}`,
      "these 2 paths will be fetched (1.5 GiB download, 3.25 GiB unpacked):",
      `  ${path("b", "bash")}`,
      `  ${path("d", "dash")}`,
    ];
    const { builds, fetches, downloadBytes, unpackedBytes } = parsePlan(many);
    assert.deepEqual(
      [builds, fetches].map((paths) => paths.map(nameOf)),
      [
        ["app", "cat"],
        ["bash", "dash"],
      ],
    );
    assert.deepEqual([downloadBytes, unpackedBytes], [1.5 * 1024 ** 3, 3.25 * 1024 ** 3]);
  });

  it("tells what nobody can make", () => {
    const lines = [
      "don't know how to build these paths (may be caused by read-only store access):",
      `  ${path("a", "x")}`,
    ];
    assert.deepEqual(parsePlan(lines), { ...none, missing: [path("a", "x")] });
  });

  it("takes no path that stands elsewhere for a part of it", () => {
    const lines = [
      "this derivation will be built:",
      `  ${path("a", "app.drv")}`,
      "warning: look:",
      `  ${path("b", "b")}`,
    ];
    assert.deepEqual(parsePlan(lines), { ...none, builds: [path("a", "app.drv")] });
  });
});

describe("a derivation that is to be built", () => {
  it("is a source when its hash is known beforehand", () => {
    assert.equal(kindOf({ outputs: { out: { hash: "sha256-x", path: "/nix/store/y" } }, env: {} }), "sources");
  });
  it("is made here when no cache may be asked for it, written either way", () => {
    assert.equal(kindOf({ outputs: { out: {} }, env: { allowSubstitutes: "" } }), "local");
    assert.equal(kindOf({ outputs: { out: {} }, env: {}, structuredAttrs: { allowSubstitutes: false } }), "local");
  });
  it("is a build otherwise, also when nothing is known of it", () => {
    for (const derivation of [undefined, {}, { outputs: { out: {} }, env: { allowSubstitutes: "1" } }]) {
      assert.equal(kindOf(derivation), "builds");
    }
  });
});
