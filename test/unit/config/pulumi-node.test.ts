import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, it } from "mocha";
import { parse } from "yaml";

/** What Pulumi gives to `node`, by the project's file. */
const { runtime } = parse(readFileSync("Pulumi.yaml", "utf8")) as {
  readonly runtime: { readonly options: { readonly nodeargs: string } };
};

/** Runs a program that ends well in a Node that calls itself `version`. */
function runAs(version: string): { readonly status: number | null; readonly stderr: string } {
  const pretence = `Object.defineProperties(process, { version: { value: "v${version}" }, versions: { value: { node: "${version}" } } });`;
  const args = [
    "--import",
    `data:text/javascript,${encodeURIComponent(pretence)}`,
    ...runtime.options.nodeargs.split(" "),
  ];
  const { status, stderr } = spawnSync(process.execPath, [...args, "--eval", "0"], {
    encoding: "utf8",
    timeout: 20_000,
  });
  return { status, stderr };
}

describe("the Node that Pulumi runs the program with", () => {
  for (const version of ["18.20.0", "20.20.2", "22.17.1"]) {
    it(`is refused in words when it is ${version}`, () => {
      const { status, stderr } = runAs(version);
      assert.equal(status, 1);
      assert.match(
        stderr,
        new RegExp(`^node: found v${version.replaceAll(".", "\\.")} \\(.*\\), needed v22\\.18 or newer`),
      );
      assert.match(stderr, /Install Node 24 and put it first on PATH/);
    });
  }

  it("is kept from mapping each stack, whatever Pulumi's host sets as it begins", () => {
    const program =
      "Error.prepareStackTrace = () => 'mapped'; setTimeout(() => console.log(new Error('as it is').stack), 50)";
    const args = [...runtime.options.nodeargs.split(" "), "--eval", program];
    const { stdout } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 20_000 });
    assert.match(stdout, /^Error: as it is\n {4}at /);
  });

  for (const version of ["22.18.0", "24.0.0", "26.1.0"]) {
    it(`is taken when it is ${version}`, () => assert.deepEqual(runAs(version), { status: 0, stderr: "" }));
  }
});
