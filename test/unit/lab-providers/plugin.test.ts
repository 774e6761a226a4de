/** Plugins are started as the engine does it and spoken to over its protocol. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { lstatSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { installPlugins } from "../../lab/providers/install.ts";
import { packageVersion } from "../../lab/providers/shared/version.ts";

describe("the installed plugins", () => {
  const home = mkdtempSync(join(tmpdir(), "plugins-"));
  after(() => rmSync(home, { recursive: true, force: true }));

  for (const name of ["tailscale", "github", "command"]) {
    it(`include ${name} under the exact npm version; it prints a port and ends with the engine`, async function () {
      this.timeout(20_000);
      installPlugins(home, "");
      const path = join(home, "plugins", `resource-${name}-v${packageVersion(name)}`, `pulumi-resource-${name}`);
      assert.ok(lstatSync(path).isSymbolicLink());
      const plugin = spawn(path, ["127.0.0.1:1"], {
        env: { ...process.env, LAB_NODE: process.execPath },
        stdio: ["pipe", "pipe", "inherit"],
      });
      const [line] = (await once(createInterface({ input: plugin.stdout }), "line")) as [string];
      assert.match(line, /^\d+$/);
      plugin.stdin.end();
      await once(plugin, "close");
    });
  }
});

describe("a folder of real plugins", () => {
  const home = mkdtempSync(join(tmpdir(), "plugins-"));
  const folder = mkdtempSync(join(tmpdir(), "real-plugins-"));
  after(() => [home, folder].forEach((made) => rmSync(made, { recursive: true, force: true })));

  const linked = (name: string): string =>
    readlinkSync(join(home, "plugins", `resource-${name}-v${packageVersion(name)}`, `pulumi-resource-${name}`));

  it("is refused when it holds none", () => {
    assert.throws(
      () => installPlugins(home, folder),
      /^Error: PROVIDERS: .* holds none of pulumi-resource-tailscale, /,
    );
  });

  it("takes the doubles' place with what it holds, until it is left out again", () => {
    writeFileSync(join(folder, "pulumi-resource-command"), "");
    installPlugins(home, folder);
    assert.equal(linked("command"), join(folder, "pulumi-resource-command"));
    assert.match(linked("github"), /test\/lab\/providers\/github\/pulumi-resource-github$/);
    installPlugins(home, "");
    assert.match(linked("command"), /test\/lab\/providers\/command\/pulumi-resource-command$/);
  });
});
