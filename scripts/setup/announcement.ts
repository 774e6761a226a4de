/** Comments in a stack's file for builders that are still to tell their keys. */
import type { Document } from "yaml";
import type { MachinePlan } from "./plan.ts";
import { isNode, pairOf } from "./sections.ts";

/** A builder that is still to tell its keys stands as a comment, ready to be filled in. */
export function announce(document: Document, { name, system, address = "ADDRESS" }: MachinePlan): void {
  const key = pairOf(document, "builders")?.key;
  if (!isNode(key) || announcedIn(key.commentBefore ?? "").includes(name)) return;
  const lines = [
    `Of ${name} the keys are missing: once it imports the builder module, \`sudo cachectl keys init\` there prints`,
    "them. Then fill them in, and move these lines into the list below:",
    `  - name: ${name}`,
    `    system: ${system}`,
    `    address: ${address}`,
    "    sshKey: ssh-ed25519 AAAA…",
    `    signingKey: ${name}-1:…`,
  ];
  const before = (key.commentBefore ?? "") === "" ? [] : [key.commentBefore, ""];
  key.commentBefore = [...before, ...lines.map((line) => ` ${line}`)].join("\n");
}

/** Takes the comment away once the keys are there. */
export function unannounce(document: Document, name: string): void {
  const key = pairOf(document, "builders")?.key;
  if (!isNode(key) || !announcedIn(key.commentBefore ?? "").includes(name)) return;
  const block = new RegExp(`\\n*[^\\n]*Of ${name} the keys are missing[^]*?signingKey: ${name}-1:…`);
  key.commentBefore = key.commentBefore?.replace(block, "").replace(/^\n+/, "") ?? "";
}

/** Names of the builders whose keys are missing, as the comments of a stack's file (or a part of it) have them. */
export function announcedIn(text: string): string[] {
  return [...text.matchAll(/Of ([a-z][a-z0-9-]*) the keys are missing/g)].map(([, name = ""]) => name);
}
