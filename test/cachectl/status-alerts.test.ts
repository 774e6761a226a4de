import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { fieldsOf, listOf } from "../../nix/cachectl/lib/json.ts";
import { describeMetrics, metricsOf } from "../../nix/cachectl/status/metrics.ts";
import { StatusWorld } from "./status-world.ts";

const folder = "nix/alerts";
const rules = listOf(fieldsOf(parse(readFileSync(`${folder}/nix-binary-cache.rules.yml`, "utf8"))).get("groups"))
  .flatMap((group) => listOf(fieldsOf(group).get("rules")))
  .map(fieldsOf);

function textIn(rule: ReadonlyMap<string, unknown>, name: string): string {
  const value = rule.get(name);
  return typeof value === "string" ? value : "";
}

describe("the alert rules", () => {
  it("each have a name of their own, a severity, a summary and what to do", () => {
    assert.ok(rules.length >= 10);
    const names = rules.map((rule) => textIn(rule, "alert"));
    assert.equal(new Set(names).size, names.length);
    for (const rule of rules) {
      assert.match(textIn(rule, "alert"), /^NixBinaryCache[A-Za-z]+$/);
      assert.match(textIn(fieldsOf(rule.get("labels")), "severity"), /^(?:warning|critical)$/);
      for (const name of ["summary", "action"]) assert.notEqual(textIn(fieldsOf(rule.get("annotations")), name), "");
    }
  });

  it("name no metric that there is not, nor a label of one", () => {
    const world = new StatusWorld();
    try {
      const metrics = metricsOf(world.fill().status());
      const names = new Set(metrics.map(({ name }) => name));
      const text = describeMetrics(metrics);
      for (const rule of rules) {
        const used = textIn(rule, "expr").matchAll(/(nix_binary_cache_\w+)(?:\{(\w+)="(\w+)"\})?/g);
        for (const [, name = "", label, value] of used) {
          assert.ok(names.has(name), `${textIn(rule, "alert")}: ${name}`);
          if (label !== undefined) assert.match(text, new RegExp(`^${name}\\{.*${label}="${value ?? ""}"`, "m"));
        }
      }
    } finally {
      world.close();
    }
  });

  it("fire when they should and not on a day when all is well, says promtool", function () {
    this.timeout(30_000);
    if (spawnSync("promtool", ["--version"]).status !== 0) {
      console.log("      (skipped: promtool, of Prometheus, is not installed)");
      this.skip();
    }
    const { status, stdout, stderr } = spawnSync("promtool", ["test", "rules", "nix-binary-cache.rules.test.yml"], {
      cwd: folder,
      encoding: "utf8",
    });
    assert.equal(status, 0, stdout + stderr);
  });

  it("are all provoked there", () => {
    const tests = readFileSync(`${folder}/nix-binary-cache.rules.test.yml`, "utf8");
    for (const rule of rules) assert.ok(tests.includes(`alertname="${textIn(rule, "alert")}"`), textIn(rule, "alert"));
  });
});
