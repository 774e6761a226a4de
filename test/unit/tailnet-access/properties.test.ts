import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { merge } from "../../../components/tailnet-access/merge.ts";
import { unmerge, withdraw } from "../../../components/tailnet-access/unmerge.ts";
import { parseHujson } from "../../lab/tailscale/policy/hujson.ts";
import { policyText } from "./arbitrary.ts";
import { entriesOf, otherTags } from "./samples.ts";

const entries = entriesOf({ ssh: "tailscale", testUser: "ada@example.com" });
const other = entriesOf({ tags: otherTags, ssh: "tailscale" });
const changed = entriesOf({ ssh: "openssh", builders: [], port: 5001 });

function holds(predicate: (text: string) => void): void {
  fc.assert(fc.property(policyText, predicate), { numRuns: 250 });
}

describe("whatever the policy, and however it is laid out", () => {
  it("merging gives a policy that still parses", () => {
    holds((text) => void parseHujson(merge(text, entries)));
  }).timeout(30_000);

  it("merging twice is merging once", () => {
    holds((text) => {
      const merged = merge(text, entries);
      assert.equal(merge(merged, entries), merged);
    });
  }).timeout(30_000);

  it("unmerging gives the text back, byte for byte", () => {
    holds((text) => {
      assert.equal(unmerge(merge(text, entries), entries.tag), text);
    });
  }).timeout(30_000);

  it("unmerging takes back what a changed stack merged over itself", () => {
    holds((text) => {
      const merged = merge(merge(text, entries), changed);
      assert.equal(unmerge(merged, entries.tag), text);
      assert.deepEqual(parseHujson(merged), parseHujson(merge(text, changed)));
    });
  }).timeout(30_000);

  it("two stacks come and go in any order", () => {
    holds((text) => {
      const both = merge(merge(text, entries), other);
      assert.equal(merge(both, entries), both);
      assert.equal(withdraw(both, other.tag).text, merge(text, entries));
      assert.equal(withdraw(withdraw(both, entries.tag).text, other.tag).text, text);
    });
  }).timeout(30_000);

  it("a text that is no policy is refused and never makes merging fail otherwise", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          merge(text, entries);
        } catch (error) {
          assert.equal((error as Error).name, "PolicyError");
        }
      }),
      { numRuns: 500 },
    );
  });
});
