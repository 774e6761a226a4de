import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { nameOfStack, stackProblem } from "../../components/stack-name.ts";

describe("a stack's name", () => {
  it("is the last part of what Pulumi takes", () => {
    for (const reference of ["home", "acme/home", "acme/nix-binary-cache/home"])
      assert.deepEqual([nameOfStack(reference), stackProblem(reference)], ["home", undefined]);
  });

  it("is no path and no option's worth of anything", () => {
    for (const text of ["", "/home", "acme/", "a/b/c/d", "../../etc/x y", "a b", "x".repeat(101)]) {
      assert.match(stackProblem(text) ?? "", /expected NAME, ORGANISATION\/NAME/);
      assert.throws(() => nameOfStack(text), { name: "TypeError", message: /stack: found ".*", expected NAME/ });
    }
  });
});
