import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "mocha";

/** What the program was written against. The npm tag `latest` of @pulumi/command is a stray old build (4.5.0). */
const pins = {
  "@pulumi/pulumi": "3.270.0",
  "@pulumi/command": "1.2.1",
  "@pulumi/tailscale": "0.29.1",
  "@pulumi/github": "6.15.0",
  typescript: "6.0.3",
};

describe("installed versions", () => {
  for (const [name, pinned] of Object.entries(pins)) {
    it(`${name} is ${pinned}`, () => {
      const manifest = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")) as { version: string };
      assert.equal(manifest.version.replace(/^v/, ""), pinned);
    });
  }
});
