import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { policyDiff } from "../../../components/tailnet-access/diff.ts";

describe("the difference between two policies", () => {
  it("is the changed lines with one line around them, and where they are", () => {
    const before = "{\n  // one\n  // two\n  // three\n  // four\n  // five\n}\n";
    const after = "{\n  // one\n  // two\n  // three\n  // new\n  // four\n  // five\n}\n";
    assert.equal(policyDiff(before, after), "@@ line 4 @@\n   // three\n+  // new\n   // four");
  });

  it("is nothing where nothing changes", () => {
    assert.equal(policyDiff("{}", "{}"), "");
  });

  it("counts what is too long to be read", () => {
    const lines = Array.from({ length: 500 }, (_, index) => `  // ${index}`).join("\n");
    const shown = policyDiff("{\n}\n", `{\n${lines}\n}\n`).split("\n");
    assert.equal(shown.length, 121);
    assert.equal(shown.at(-1), "… and 383 more lines");
  });
});
