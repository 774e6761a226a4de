import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { findUnsent, isUnsent, type ReconcileSources } from "../../nix/cachectl/reconcile/reconcile.ts";
import { parsePathInfo, type LocalPath } from "../../nix/cachectl/upload/local-store.ts";
import { pathOf } from "./upload-doubles.ts";

const built = { ultimate: true, derived: true, contentAddressed: false, narSize: 1, signers: [] };
const keys = ["builder-1", "cache.nixos.org-1"];

describe("cachectl reconcile", () => {
  const cases: readonly [string, Partial<LocalPath>, boolean][] = [
    ["built here and never sent", {}, true],
    ["built here and signed by this builder, so sent or waiting", { signers: ["builder-1"] }, false],
    ["from an upstream", { ultimate: false, signers: ["cache.nixos.org-1"] }, false],
    ["copied here from elsewhere", { ultimate: false }, false],
    ["a source, with no derivation", { derived: false }, false],
    ["content-addressed", { contentAddressed: true }, false],
  ];
  for (const [what, change, unsent] of cases) {
    it(`${unsent ? "queues" : "leaves"} a path ${what}`, () => {
      assert.equal(isUnsent({ path: pathOf("a"), ...built, ...change }, keys), unsent);
    });
  }

  it("asks in groups, leaves out derivations, what is queued and what is no path, and ends when it is told to", async () => {
    const paths = Array.from({ length: 1200 }, (_, n) => pathOf(`p${n}`));
    const asked: number[] = [];
    const controller = new AbortController();
    const sources: ReconcileSources = {
      live: async function* () {
        await Promise.resolve();
        yield* [...paths, pathOf("x.drv"), "/nix/var/nix/profiles/x", "{censored}"];
      },
      describe: (some) => {
        asked.push(some.length);
        return Promise.resolve(some.map((path) => ({ path, ...built })));
      },
      queued: (path) => path === paths[0],
      knownKeys: keys,
      stop: controller.signal,
    };
    const found: string[] = [];
    await findUnsent(sources, (unsent) => void found.push(...unsent));
    assert.deepEqual([asked, found.length, found.includes(paths[0] ?? "")], [[500, 500, 200], 1199, false]);
    controller.abort();
    await findUnsent(sources, () => assert.fail("it was told to end"));
  });
});

describe("what nix path-info answers", () => {
  const path = pathOf("a");
  const info = { narSize: 7, ultimate: true, deriver: pathOf("a.drv"), signatures: ["k-1:x"] };
  const expected = { path, narSize: 7, ultimate: true, contentAddressed: false, derived: true, signers: ["k-1"] };
  for (const [version, answer] of [
    ["before 2.19, a list", [{ path, ...info }]],
    ["2.19 on, an object by path", { [path]: info }],
    ["format 2, base names under info", { version: 2, info: { [path.slice("/nix/store/".length)]: info } }],
    ["signatures as objects", { [path]: { ...info, signatures: [{ keyName: "k-1", sig: "x" }] } }],
  ] as const) {
    it(`is read in the form of Nix ${version}`, () => assert.deepEqual(parsePathInfo(answer), [expected]));
  }

  it("names no path that is not valid", () => {
    assert.deepEqual(parsePathInfo([{ path, valid: false }]), []);
    assert.deepEqual(parsePathInfo({ [path]: null }), []);
    assert.deepEqual(parsePathInfo(undefined), []);
  });
});
