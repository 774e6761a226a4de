import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { checks } from "../../../nix/cachectl/doctor/checks.ts";
import { read } from "./markdown.ts";

/** Roles as the table has them. */
const plural: Readonly<Record<string, string>> = { server: "server", builder: "builders", client: "clients" };

function where(roles: readonly string[]): string {
  return roles.length === 3 ? "everywhere" : roles.map((role) => plural[role] ?? role).join(", ");
}

describe("the table of what doctor looks at", () => {
  it("has every check, in doctor's order, with the machines that it is for", () => {
    const page = read("docs/troubleshooting.md");
    const table = page.slice(page.indexOf("## What doctor looks at"), page.indexOf("## By symptom"));
    const rows = [...table.matchAll(/^\| `([a-z-]+)` *\| ([a-z, ]+?) *\|/gm)].map(
      ([, name, roles]) => `${name ?? ""}: ${roles ?? ""}`,
    );
    assert.deepEqual(
      rows,
      checks.map(({ name, roles }) => `${name}: ${where(roles)}`),
      "docs/troubleshooting.md: its table of checks is not doctor's; change the table",
    );
  });
});
