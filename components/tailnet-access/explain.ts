/** Finds the user's own rules that open what a stack's tests deny. Pure. */
import { memberValue, parsePolicy, place, type PolicyDocument, valueOf, withoutEntries } from "./document.ts";
import { isList, type Json, lowerKeys, type PolicyEntries, strings } from "./entries.ts";
import { markAfter } from "./mark.ts";
import { hasPort, type Names, splitTarget, takesIn } from "./selectors.ts";
import { hasRules } from "./wanted.ts";

/** One access that a test of ours denies. */
interface Denied {
  readonly src: string;
  readonly host: string;
  readonly port: number;
}

/** A rule of the policy, in the form that both kinds share. */
interface Rule {
  readonly where: string;
  readonly text: string;
  readonly opens: (denied: Denied, names: Names) => boolean;
}

/**
 * A line for each rule that is not this stack's and lets through what the stack's tests deny: which it is, where it
 * stands, and what it opens. Empty when the reason is another one.
 *
 * @param text the policy, with the stack's entries in it or without
 * @throws PolicyError when the text is no policy
 */
export function explainDenials(text: string, entries: PolicyEntries): string[] {
  const policy = parsePolicy(text);
  const names = readNames(policy);
  const denied = entries.tests.flatMap(deniedBy);
  const lines = rulesOf(policy, entries.tag).flatMap((rule) => {
    const open = denied.find((access) => rule.opens(access, names));
    return open === undefined ? [] : [`${rule.where} lets ${open.src} reach ${open.host}:${open.port}: ${rule.text}`];
  });
  if (hasRules(withoutEntries(policy, entries.tag))) return lines;
  return [
    "the policy has neither grants nor acls of yours, which to Tailscale means that everybody reaches everything",
  ];
}

function deniedBy(test: Readonly<Record<string, Json>>): Denied[] {
  return strings(test.deny).map((target) => {
    const { host, ports } = splitTarget(target);
    return { src: word(test.src), host, port: Number(ports) };
  });
}

function rulesOf(policy: PolicyDocument, tag: string): Rule[] {
  return (["acls", "grants"] as const).flatMap((name) => {
    const member = policy.members.get(name);
    const elements = member === undefined ? [] : (memberValue(member).children ?? []);
    return elements.flatMap((node, index) => {
      if (node.type !== "object" || markAfter(policy.text, node.offset)?.tag === tag) return [];
      const rule = lowerKeys(valueOf(node));
      return {
        where: `${name}[${index}] at ${place(policy.text, node.offset)}`,
        text: shorten(policy.text.slice(node.offset, node.offset + node.length)),
        opens: name === "acls" ? aclOpens(rule) : grantOpens(rule),
      };
    });
  });
}

/** Older policies say `users` and `ports` for `src` and `dst`. */
function aclOpens(rule: ReadonlyMap<string, Json>): Rule["opens"] {
  const sources = [...strings(rule.get("src")), ...strings(rule.get("users"))];
  const targets = [...strings(rule.get("dst")), ...strings(rule.get("ports"))].map(splitTarget);
  const isTcp = isTcpName(rule.get("proto") ?? "");
  return ({ src, host, port }, names) =>
    isTcp &&
    sources.some((entry) => takesIn(entry, src, names)) &&
    targets.some((target) => takesIn(target.host, host, names) && hasPort(target.ports, port));
}

function grantOpens(rule: ReadonlyMap<string, Json>): Rule["opens"] {
  const [sources, targets] = [strings(rule.get("src")), strings(rule.get("dst"))];
  const services = strings(rule.get("ip")).map((entry) => entry.split(":"));
  const isOpen = (port: number): boolean =>
    services.some(([head = "", ports]) =>
      ports === undefined ? hasPort(head, port) : isTcpName(head) && hasPort(ports, port),
    );
  return ({ src, host, port }, names) =>
    isOpen(port) &&
    sources.some((entry) => takesIn(entry, src, names)) &&
    targets.some((entry) => takesIn(entry, host, names));
}

function isTcpName(proto: Json): boolean {
  return ["", "*", "tcp", "6"].includes(word(proto).toLowerCase());
}

function readNames(policy: PolicyDocument): Names {
  const groups = [...members(policy, "groups")].map(([name, list]) => [name, strings(list)] as const);
  const hosts = [...members(policy, "hosts")].map(([name, address]) => [name, word(address)] as const);
  return { groups: new Map(groups), hosts: new Map(hosts) };
}

function members(policy: PolicyDocument, name: string): [string, Json][] {
  const member = policy.members.get(name);
  const value = member === undefined ? null : valueOf(memberValue(member));
  return typeof value === "object" && value !== null && !isList(value) ? Object.entries(value) : [];
}

function word(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length <= 160 ? line : `${line.slice(0, 159)}…`;
}
