import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { parse } from "yaml";
import { read } from "./markdown.ts";

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly labels: { readonly severity: string } }[];
  }[];
}

describe("the table of alerts", () => {
  it("has every rule that ships, with its severity", () => {
    const { groups } = parse(read("nix/alerts/nix-binary-cache.rules.yml")) as Rules;
    const rules = groups.flatMap((group) => group.rules).map(({ alert, labels }) => `${alert}: ${labels.severity}`);
    const rows = [...read("docs/operating.md").matchAll(/^\| `(NixBinaryCache\w+)` *\| (\w+) *\|/gm)];
    assert.deepEqual(
      rows.map(([, alert = "", severity = ""]) => `${alert}: ${severity}`),
      rules,
      "docs/operating.md: its table of alerts is not nix/alerts'; change the table",
    );
  });
});
