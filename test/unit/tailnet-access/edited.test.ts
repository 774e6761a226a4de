/** What becomes of a stack's entries that somebody edited by hand. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { applyEdits, format } from "jsonc-parser";
import { describe, it } from "mocha";
import { merge } from "../../../components/tailnet-access/merge.ts";
import { unmerge, withdraw } from "../../../components/tailnet-access/unmerge.ts";
import { parseHujson } from "../../lab/tailscale/policy/hujson.ts";
import { policyText } from "./arbitrary.ts";
import { entriesOf, handWritten } from "./samples.ts";

const entries = entriesOf();
const { tag } = entries;
const merged = merge(handWritten, entries);

/** The merged policy with a change that somebody makes by hand. */
function edited(from: string | RegExp, to: string): string {
  const text = merged.replace(from, to);
  assert.notEqual(text, merged, "the edit found nothing to change");
  return text;
}

describe("a stack's entries after an edit by hand", () => {
  const cases: Readonly<Record<string, string>> = {
    "with another port": edited("tcp:5000", "tcp:1-65535"),
    "with a note in them": edited('*/ "src": ["autogroup:member"]', '*/ /* all */ "src": ["autogroup:member"]'),
    "spread over lines": edited(
      /(\{\/\* nix-binary-cache \(tag:nix-cache\) \*\/) "src": (.*), "dst"/,
      '$1\n"src": $2,\n\n  "dst"',
    ),
    "with the mark on the next line": edited(/\{(\/\* nix-binary-cache \(tag:nix-cache\) \*\/)/, "{\n    $1\n"),
    "moved to the end of their list": edited(/(\n *\{\/\* nix-binary-cache.*\},)([\s\S]*?443"\]\},)/, "$2$1"),
    "without the comma of the last": edited(/\},\n {2}\],/, "}\n  ],"),
    "taken out in part": edited(/\n *\{\/\* nix-binary-cache.*5000"\]\},/, ""),
    "taken out all": handWritten,
  };
  for (const [name, text] of Object.entries(cases)) {
    it(`${name}: an up puts them right`, () => {
      const again = merge(text, entries);
      assert.deepEqual(parseHujson(again), parseHujson(merge(handWritten, entries)));
      assert.equal(merge(again, entries), again);
    });
    it(`${name}: a destroy takes them out`, () => {
      const bare = withdraw(text, tag).text;
      assert.deepEqual(parseHujson(bare), parseHujson(handWritten));
      assert.doesNotMatch(bare, /nix-binary-cache/);
    });
  }

  it("without their mark are the user's, and are neither doubled nor taken out", () => {
    const text = merged.replaceAll(/\/\* nix-binary-cache (\(tag:nix-cache\) )?\*\/ /g, "");
    assert.equal(merge(text, entries), text);
    assert.equal(unmerge(text, tag), text);
  });

  it("leave the owners of a tag that the user's own entries name by now, and say so", () => {
    const grant = '{"src": ["tag:nix-ci"], "dst": ["nas"], "ip": ["tcp:445"]},';
    const { text, stillNamed } = withdraw(edited("// newest first", `// newest first\n    ${grant}`), tag);
    assert.deepEqual(stillNamed, ["tag:nix-ci"]);
    assert.match(text, /"tag:nix-ci": \[\/\* nix-binary-cache \(tag:nix-cache\) \*\/ "autogroup:admin"\]/);
    assert.doesNotMatch(text, /tag:nix-cache"/);
  });

  it("leave the owners of a tag that only a rule with a port, or a test, names", () => {
    for (const own of [
      '"acls": [{"action": "accept", "src": ["group:dev"], "dst": ["tag:nix-ci:22"]},',
      '"acls": [{"action": "accept", "src": ["tag:nix-ci"], "dst": ["nas:445"]},',
    ])
      assert.deepEqual(withdraw(edited('"acls": [', own), tag).stillNamed, ["tag:nix-ci"]);
    const similar = '"acls": [{"action": "accept", "src": ["group:dev"], "dst": ["tag:nix-cider:22"]},';
    assert.deepEqual(withdraw(edited('"acls": [', similar), tag).stillNamed, []);
  });

  it("go, and nothing else goes, after the policy was formatted anew", () => {
    fc.assert(
      fc.property(policyText, fc.boolean(), fc.constantFrom("\n", "\r\n"), (text, insertSpaces, eol) => {
        const whole = merge(text, entries);
        const pretty = applyEdits(whole, format(whole, undefined, { insertSpaces, tabSize: 3, eol }));
        const bare = unmerge(pretty, tag);
        assert.deepEqual(parseHujson(bare), parseHujson(text));
        assert.equal(merge(pretty, entries), pretty);
      }),
      { numRuns: 300 },
    );
  }).timeout(30_000);

  it("go, and nothing else goes, after lines were joined or broken at them", () => {
    const end = /(nix-binary-cache \(tag:nix-cache\) \*\/[^/\n]*[\]}],)\r?\n[ \t]*/g;
    const start = /\n[ \t]*((?:"[^"]*": \[|\{)\/\* nix-binary-cache \(tag)/g;
    fc.assert(
      fc.property(policyText, fc.infiniteStream(fc.constantFrom(" ", "", "\n", "\n  ")), (text, gaps) => {
        const next = (): string => String(gaps.next().value);
        const whole = merge(text, entries)
          .replace(end, (_, entry: string) => entry + next())
          .replace(start, (_, entry: string) => `\n${next()}${entry}`);
        assert.deepEqual(parseHujson(unmerge(whole, tag)), parseHujson(text));
        assert.deepEqual(
          parseHujson(merge(whole, entriesOf({ port: 5001 }))),
          parseHujson(merge(text, entriesOf({ port: 5001 }))),
        );
      }),
      { numRuns: 500 },
    );
  }).timeout(30_000);
});
