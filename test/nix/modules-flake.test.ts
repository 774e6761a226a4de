import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, it } from "mocha";
import { evaluate, evaluateFile, libs, needsNix } from "./module-nix.ts";
import { reference, referenceFile } from "./module-reference.ts";
import { vars } from "./module-stack.ts";

describe("The flake", () => {
  before(needsNix);

  it("exports a module for each role, and has no inputs of its own", async () => {
    assert.deepEqual(await evaluateFile("module-flake.nix"), {
      inputs: [],
      nixosModules: {
        server: "modules/server.nix",
        builder: "modules/builder.nix",
        client: "modules/client.nix",
        default: "several",
      },
      darwinModules: { default: "modules/darwin.nix" },
      all: ["modules/server.nix", "modules/builder.nix", "modules/client.nix"],
      lib: { cachectl: true, nginxConfig: true, clientSettings: true },
    });
  });

  it("has a reference of its options that is current", async () => {
    const again = "Write it anew: node test/nix/module-reference.ts --write";
    assert.equal(readFileSync(referenceFile, "utf8"), await reference(), again);
  });

  for (const lib of libs()) {
    it(`has modules that go together, as one machine may be client and builder (${lib.name})`, async () => {
      const roles = { client: { enable: true }, builder: { enable: true, name: "desktop" } };
      const modules = [{ services: { "nix-binary-cache": { vars, ...roles } } }];
      assert.deepEqual((await evaluate(lib.path, { roles: ["server", "builder", "client"], modules })).failed, []);
    });

    it(`has a type and a description for every option (${lib.name})`, async () => {
      const { options } = await evaluate(lib.path, { roles: ["server", "builder", "client"] });
      assert.ok(options.length > 50, String(options.length));
      const wanting = options.filter(({ kind, description }) => kind === null || (description ?? "") === "");
      assert.deepEqual(wanting, []);
    });
  }
});
