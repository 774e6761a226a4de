import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { PolicyError } from "../../../components/tailnet-access/entries.ts";
import { merge } from "../../../components/tailnet-access/merge.ts";
import { unmerge, withdraw } from "../../../components/tailnet-access/unmerge.ts";
import { parseHujson } from "../../lab/tailscale/policy/hujson.ts";
import { aclsOnly, defaultPolicy, entriesOf, grantsOnly, handWritten, hugePolicy, otherTags } from "./samples.ts";

const entries = entriesOf();
const other = entriesOf({ tags: otherTags });

/** Every policy that a user may come with, by what it is. */
const policies: Readonly<Record<string, string>> = {
  "no text": "",
  "white space": " \n\t\n",
  "a comment only": "// nothing yet\n",
  "an empty object": "{}",
  "an empty object on two lines": "{\n}\n",
  "an object of a comment": "{ /* later */ }\n",
  "Tailscale's default": defaultPolicy,
  "one written by hand": handWritten,
  "acls only": aclsOnly,
  "grants only": grantsOnly,
  "one line": `{"grants":[{"src":["*"],"dst":["*"],"ip":["*"]}],"tagOwners":{"tag:x":[]}}`,
  "empty sections": `{"tagOwners": {}, "grants": [], "ssh": [], "tests": [], "sshTests": []}\n`,
  "null sections": `{"tagOwners": null, "grants": null, "tests": null, "acls": null}\n`,
  "Windows line ends": handWritten.replaceAll("\n", "\r\n"),
  "no trailing line end": aclsOnly.trimEnd(),
  "older names in capitals": `{"ACLs": [{"Action": "accept", "Users": ["*"], "Ports": ["*:*"]}], "TagOwners": {"tag:x": ["a@example.com"]}}`,
  "a comment after each bracket": `{ // a\n"grants": [ // b\n{ // c\n"src": ["*"], "dst": ["*"], "ip": ["*"]}]}`,
  "5,000 lines": hugePolicy(5000),
};

function sections(text: string): Record<string, unknown> {
  return JSON.parse(JSON.stringify(parseHujson(text))) as Record<string, unknown>;
}

describe("merging a stack into a policy", () => {
  for (const [name, text] of Object.entries(policies)) {
    describe(`of ${name}`, () => {
      it("adds the stack's entries and keeps what was there, in its order", () => {
        const before = text.trim() === "" || name === "a comment only" ? {} : sections(text);
        const after = sections(merge(text, entries));
        const added = { grants: entries.grants, tests: entries.tests };
        for (const [key, ours] of Object.entries(added)) {
          const list = (after[key] ?? []) as unknown[];
          const rest = list.filter((value) => !ours.some((own) => JSON.stringify(own) === JSON.stringify(value)));
          assert.equal(list.length - rest.length, ours.length, key);
          // Where there were no rules at all, the grant that this means is written out.
          const implied = key === "grants" && (before.acls ?? before.ACLs ?? before.grants) == null;
          assert.deepEqual(rest, implied ? [{ src: ["*"], dst: ["*"], ip: ["*"] }] : (before[key] ?? []), key);
        }
        const owners = Object.keys(after).find((key) => key.toLowerCase() === "tagowners") ?? "";
        assert.deepEqual(after[owners], { ...entries.tagOwners, ...(before[owners] ?? {}) });
        for (const key of Object.keys(before))
          if (!["grants", "tests", owners].includes(key)) assert.deepEqual(after[key], before[key], key);
      });

      it("is done once: a second merge changes no byte", () => {
        const merged = merge(text, entries);
        assert.equal(merge(merged, entries), merged);
      });

      it("is undone to the byte", () => {
        assert.equal(unmerge(merge(text, entries), entries.tag), text);
        assert.equal(withdraw(merge(text, entries), entries.tag).text, text);
      });

      it("is undone to the byte by each of two stacks, in either order", () => {
        const both = merge(merge(text, entries), other);
        assert.equal(merge(both, entries), both);
        assert.equal(merge(both, other), both);
        assert.equal(unmerge(unmerge(both, other.tag), entries.tag), text);
        assert.equal(unmerge(unmerge(both, entries.tag), other.tag), text);
        assert.equal(unmerge(both, other.tag), merge(text, entries));
      });

      it("follows a change of the stack, and the old entries are gone", () => {
        const changed = entriesOf({ port: 5001, builders: [], owners: ["a@example.com"] });
        const merged = merge(merge(text, entries), changed);
        assert.equal(unmerge(merged, entries.tag), text);
        assert.deepEqual(sections(merged), sections(merge(text, changed)));
        assert.doesNotMatch(merged, /5000|100\.80\.1\.20/);
      });
    });
  }

  it("reads like this", () => {
    const mark = "/* nix-binary-cache (tag:nix-cache) */";
    const { grants, tests } = entriesOf({ builders: [], requireDeny: false });
    assert.equal(grants.length + tests.length, 3);
    assert.equal(
      merge(grantsOnly, entriesOf({ builders: [], requireDeny: false })),
      `{
  "tests": [/* nix-binary-cache */
    {${mark} "src": "tag:nix-ci", "proto": "tcp", "accept": ["tag:nix-cache:22", "tag:nix-cache:5000"]},
  ],
  "tagOwners": {
    "tag:nix-cache": [${mark} "autogroup:admin"],
    "tag:nix-ci": [${mark} "autogroup:admin"],"tag:lab": ["autogroup:admin"]},
  "grants": [
    {${mark} "src": ["autogroup:member"], "dst": ["tag:nix-cache"], "ip": ["tcp:5000"]},
    {${mark} "src": ["tag:nix-ci"], "dst": ["tag:nix-cache"], "ip": ["tcp:22", "tcp:5000"]},
    {"src": ["autogroup:member"], "dst": ["tag:lab"], "ip": ["tcp:22"]},
  ],
}
`,
    );
  });

  it("takes up the policy's own indentation and line ends", () => {
    assert.match(merge(aclsOnly, entries), /\n {4}"tag:nix-cache": \[/);
    assert.match(merge(defaultPolicy, entries), /\n\t\t\{\/\* nix-binary-cache \(tag:nix-cache\) \*\/ "src"/);
    const windows = merge(aclsOnly.replaceAll("\n", "\r\n"), entries);
    assert.doesNotMatch(windows, /[^\r]\n/);
  });

  it("leaves out what the user wrote themselves, and never takes it away", () => {
    const text = `{"tagOwners": {"tag:nix-cache": ["autogroup:admin"], "tag:nix-ci": []},
      "grants": [{"dst": ["tag:nix-cache"], "ip": ["tcp:5000"], "src": ["autogroup:member"]}]}`;
    const merged = merge(text, entries);
    assert.equal((sections(merged).grants as unknown[]).length, 2);
    assert.deepEqual(sections(merged).tagOwners, { "tag:nix-cache": ["autogroup:admin"], "tag:nix-ci": [] });
    assert.equal(unmerge(merged, entries.tag), text);
  });

  it("refuses a tag that is declared already with other owners, naming both and what to do", () => {
    const text = `{"tagOwners": {"tag:nix-ci": ["bob@example.com"]}}`;
    assert.throws(() => merge(text, entries), {
      name: "PolicyError",
      message:
        `tailnet.tags: the tailnet's policy declares tag:nix-ci already, with the owners ["bob@example.com"]; ` +
        `tailnet.owners says ["autogroup:admin"]. If the tag is meant for this, set tailnet.owners to the former or ` +
        `take the tag out of tagOwners; if it is not, set another one in tailnet.tags.`,
    });
  });

  it("refuses a tag of another stack", () => {
    const merged = merge("{}", entries);
    const thief = entriesOf({ tags: { cache: "tag:mine", ci: "tag:nix-ci" } });
    assert.throws(() => merge(merged, thief), /tag:nix-ci belongs to another stack, the one of tag:nix-cache/);
  });

  it("takes up the older name of the members' autogroup, of which a policy may have only one", () => {
    const text = `{"acls": [{"action": "accept", "src": ["autogroup:members"], "dst": ["*:22"]}]}`;
    const [first] = sections(merge(text, entries)).grants as { src: unknown }[];
    assert.deepEqual(first?.src, ["autogroup:members"]);
    assert.equal(merge(merge(text, entries), entries), merge(text, entries));
  });

  for (const [text, message] of [
    ["{", /not valid HuJSON at line 1, column 2: close brace expected/],
    ['{\n  "grants": [}\n', /not valid HuJSON at line 2, column 14/],
    ["[]", /is no object: found an array/],
    ['{"grants": {}}', /grants at line 1, column 12: found an object, expected an array/],
    ['{"tagOwners": []}', /tagOwners at line 1, column 15: found an array, expected an object/],
    ['{"grants": [],\n "Grants": []}', /has "Grants" twice, at line 1, column 2 and line 2, column 2/],
    ["\uFEFF{}", /not valid HuJSON at line 1, column 1/],
  ] as const)
    it(`refuses ${JSON.stringify(text)} with the place`, () => {
      assert.throws(() => merge(text, entries), { name: "PolicyError", message });
      assert.throws(() => merge(text, entries), PolicyError);
    });
});
