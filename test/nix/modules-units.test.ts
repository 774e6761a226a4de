import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, describe, it } from "mocha";
import { evaluate, libs, needsNix } from "./module-nix.ts";
import { vars } from "./module-stack.ts";
import { unitsOf } from "./module-units.ts";

/**
 * The most exposure, of 100, that `systemd-analyze security` may find: with systemd 252 it finds 96 in a service that says
 * nothing of its own, and 12 to 18 in these.
 */
const mostExposure = 20;

async function unitsIn(role: "server" | "builder" | "client", options: object): Promise<ReadonlyMap<string, string>> {
  const modules = [{ services: { "nix-binary-cache": { vars, [role]: { enable: true, ...options } } } }];
  const { config } = await evaluate(libs()[0]?.path ?? "", { roles: [role], modules });
  const units = unitsOf(config);
  // What NixOS adds to a unit that a package brings is a drop-in: it is read after the unit.
  return new Map([...units].map(([name, text]) => [name, `${packaged(name)}${text}`]));
}

function packaged(name: string): string {
  const file = fileURLToPath(new URL(`../../nix/services/${name}`, import.meta.url));
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

describe("The units of the server, of builders and of clients, by systemd's own judgement", () => {
  let scratch: string;
  let units: ReadonlyMap<string, string>;

  before(needsNix);
  before(async function () {
    if (spawnSync("systemd-analyze", ["--version"]).status !== 0) {
      console.warn("      skipped: systemd-analyze: not found");
      this.skip();
    }
    scratch = mkdtempSync(join(tmpdir(), "nix-binary-cache-units-"));
    units = new Map([
      ...(await unitsIn("server", {})),
      ...(await unitsIn("builder", { name: "desktop" })),
      ...(await unitsIn("client", {})),
    ]);
    for (const [name, text] of units) {
      // systemd looks whether the program is there; the package is not built here.
      writeFileSync(join(scratch, name), text.replace(/^ExecStart=\S+/m, "ExecStart=/bin/true"));
    }
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  it("have nothing that systemd does not know, or can't parse", () => {
    assert.ok(units.size >= 15, [...units.keys()].join(" "));
    for (const name of units.keys()) {
      const { stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", join(scratch, name)], {
        encoding: "utf8",
        timeout: 30_000,
        env: { ...process.env, SYSTEMD_UNIT_PATH: `${scratch}:` },
      });
      const own = stderr.split("\n").filter((line) => line.includes("nix-binary-cache-"));
      assert.deepEqual(own, [], name);
    }
  }).timeout(60_000);

  it("are exposed no more than their work needs", () => {
    for (const name of units.keys()) {
      if (!name.endsWith(".service")) continue;
      const { status, stdout } = spawnSync(
        "systemd-analyze",
        ["security", "--no-pager", "--offline=yes", `--threshold=${mostExposure}`, join(scratch, name)],
        { encoding: "utf8", timeout: 30_000 },
      );
      assert.equal(status, 0, `${name}: ${stdout.trim().split("\n").at(-1)}`);
    }
  });

  it("call verbs that cachectl has, with options that these take", () => {
    for (const text of units.values()) {
      const [, call] = /^ExecStart=\S+\/bin\/cachectl (.*)$/m.exec(text) ?? [];
      if (call === undefined) continue;
      const args = ["--disable-warning=ExperimentalWarning", "nix/cachectl/main.ts", ...call.split(" "), "--help"];
      const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 10_000 });
      assert.equal(status, 0, `${call}: ${stderr}`);
    }
  }).timeout(30_000);

  it("run at times that systemd understands", () => {
    for (const text of units.values()) {
      for (const [, time = ""] of text.matchAll(/^OnCalendar=(.*)$/gm)) {
        assert.match(execFileSync("systemd-analyze", ["calendar", time], { encoding: "utf8" }), /Next elapse/);
      }
    }
  });
});
