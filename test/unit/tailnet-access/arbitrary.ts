/** Policies of every kind, as values and as texts, for properties. */
import fc from "fast-check";
import type { Json } from "../../../components/tailnet-access/entries.ts";

const tags = ["tag:a", "tag:b"] as const;
const people = ["ada@example.com", "bob@example.com", "cy@example.com"] as const;

const source = fc.constantFrom(
  ...["*", "autogroup:member", "autogroup:admin", "autogroup:tagged", "group:dev", "nas", "100.80.1.30"],
  ...["100.64.0.0/10", ...tags, ...people],
);
const target = fc.constantFrom("*", "autogroup:member", "group:dev", "nas", "100.80.1.10", "100.80.0.0/16", ...tags);
const sources = fc.array(source, { minLength: 1, maxLength: 3 });
const ports = fc.constantFrom("*", "22", "5000", "80-443", "22,443");
const service = fc.constantFrom("*", "22", "tcp:5000", "udp:53", "tcp:80-443", "icmp:*");

const acl = fc.record(
  {
    action: fc.constant("accept"),
    src: sources,
    dst: fc.array(
      fc.tuple(target, ports).map((parts) => parts.join(":")),
      { minLength: 1, maxLength: 3 },
    ),
    proto: fc.constantFrom("tcp", "udp"),
  },
  { requiredKeys: ["action", "src", "dst"] },
);
const grant = fc.record({
  src: sources,
  dst: fc.array(target, { minLength: 1, maxLength: 3 }),
  ip: fc.array(service, { minLength: 1, maxLength: 2 }),
});
const ssh = fc.record({
  action: fc.constant("accept"),
  src: fc.array(fc.constantFrom("group:dev", "autogroup:member", ...tags, ...people), { minLength: 1, maxLength: 2 }),
  dst: fc.array(fc.constantFrom(...tags), { minLength: 1, maxLength: 2 }),
  users: fc.array(fc.constantFrom("root", "autogroup:nonroot", "nix-push"), { minLength: 1, maxLength: 2 }),
});

const sometimes = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { freq: 6 });

/** A policy that Tailscale accepts: each section there, empty, `null` or absent. */
export const policyValue: fc.Arbitrary<Json> = fc.record(
  {
    acls: sometimes(fc.array(acl, { maxLength: 4 })),
    grants: sometimes(fc.array(grant, { maxLength: 4 })),
    ssh: sometimes(fc.array(ssh, { maxLength: 2 })),
    tests: sometimes(fc.constant([])),
    sshTests: sometimes(fc.constant([])),
    groups: fc.constant({ "group:dev": ["ada@example.com", "bob@example.com"] }),
    hosts: fc.constant({ nas: "100.80.1.40" }),
    tagOwners: fc.constant({ "tag:a": ["autogroup:admin"], "tag:b": [] }),
  },
  { requiredKeys: ["groups", "hosts", "tagOwners"] },
);

const comment = fc.constantFrom(
  ...["/* c */", "/* two\nlines */", "/**/", '/* "grants": [{] // */', "/* nix-binary-cache of old */"],
  ...["// c\n", "//\n", '// "grants": [{ /*\n', "// nix-binary-cache (tag:nix-cache)\n", "// {},\r\n"],
);
const gap = fc.oneof(
  { arbitrary: fc.constant(""), weight: 4 },
  { arbitrary: fc.constantFrom(" ", "\t", "\n", "\r\n", "\n  ", "\n\t\t"), weight: 4 },
  comment,
);

/** What stands between the tokens, one after another. */
const gaps = fc.infiniteStream(gap);

/** A value as HuJSON in any layout: comments, line ends and trailing commas wherever they may stand. */
export function printed(value: Json, between: Iterator<string>): string {
  const next = (): string => String(between.next().value);
  const list = (open: string, items: readonly string[], close: string): string => {
    const trailing = items.length > 0 && next() !== "" ? "," : "";
    return `${open}${items.map((item) => `${next()}${item}${next()}`).join(",")}${trailing}${next()}${close}`;
  };
  if (Array.isArray(value)) {
    const items = value as readonly Json[];
    return list(
      "[",
      items.map((item) => printed(item, between)),
      "]",
    );
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([key, inner]) => `${JSON.stringify(key)}${next()}:${next()}${printed(inner, between)}`,
  );
  return list("{", members, "}");
}

/** A policy's text in any layout, with something before and after it. */
export const policyText: fc.Arbitrary<string> = fc
  .tuple(policyValue, gaps, gap, gap)
  .map(([value, between, before, after]) => `${before}${printed(value, between)}${after}`);
