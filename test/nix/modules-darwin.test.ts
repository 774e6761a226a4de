import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import { nixConf } from "../../components/client-settings/nix-conf.ts";
import { builderConfig, hookPath } from "../../components/upload-hook/upload-hook.ts";
import { at, evaluate, type Evaluated, libs, needsNix, type Release, textAt } from "./module-nix.ts";
import { config as stack, publicKeys, vars } from "./module-stack.ts";

const system = "aarch64-darwin";
const roles = { client: { enable: true }, builder: { enable: true, name: "macbook" } };
const mac = { services: { "nix-binary-cache": { vars, ...roles } } };
const unmanaged = { nix: { enable: false } };

for (const lib of libs()) {
  describe(`The module for Macs, evaluated with ${lib.name}`, () => {
    before(needsNix);

    const on = (release: Release, modules: readonly object[]): Promise<Evaluated> =>
      evaluate(lib.path, { roles: ["darwin"], release, modules, system });

    it("sets nix.settings where nix-darwin manages Nix", async () => {
      const { config, failed } = await on("darwin", [mac]);
      assert.deepEqual(failed, []);
      assert.deepEqual(at(config, "nix", "settings"), {
        substituters: [vars.cache.url],
        "trusted-public-keys": publicKeys,
        fallback: true,
        "connect-timeout": 3,
        "download-attempts": 2,
        "narinfo-cache-negative-ttl": 30,
        "post-build-hook": hookPath,
      });
      assert.equal(at(config, "environment", "etc", "nix/nix-binary-cache.conf"), undefined);
    });

    it("writes a file for nix.custom.conf to include where Determinate does, with what Pulumi writes elsewhere", async () => {
      const { config, failed } = await on("determinate-bare", [mac, unmanaged]);
      assert.deepEqual(failed, []);
      const text = textAt(config, "environment", "etc", "nix/nix-binary-cache.conf", "text");
      assert.deepEqual(settingsIn(text), settingsIn(nixConf(vars, hookPath)));
      const activation = textAt(config, "system", "activationScripts", "postActivation", "text");
      assert.match(activation, /^\/bin\/sh \/nix\/store\/\S+\/darwin\/include-settings\.sh\n?$/);
    });

    it("hands its settings to Determinate's own module where there is one", async () => {
      const { config, failed } = await on("determinate", [mac, unmanaged]);
      assert.deepEqual(failed, []);
      const settings = at(config, "determinateNix", "customSettings");
      assert.deepEqual(at(settings, "extra-substituters"), [vars.cache.url]);
      assert.equal(at(settings, "post-build-hook"), hookPath);
      assert.equal(at(settings, "fallback"), true);
      assert.equal(at(config, "environment", "etc", "nix/nix-binary-cache.conf"), undefined);
      const activation = textAt(config, "system", "activationScripts", "postActivation", "text");
      assert.match(activation, /^\/bin\/sh \/nix\/store\/\S+\/darwin\/include-settings\.sh generated\n?$/);
    });

    it("writes the file itself where Determinate's module is there and switched off", async () => {
      const off = { determinateNix: { enable: false } };
      const { config } = await on("determinate", [mac, unmanaged, off]);
      assert.deepEqual(at(config, "determinateNix", "customSettings"), {});
      const text = textAt(config, "environment", "etc", "nix/nix-binary-cache.conf", "text");
      assert.deepEqual(settingsIn(text), settingsIn(nixConf(vars, hookPath)));
      const activation = textAt(config, "system", "activationScripts", "postActivation", "text");
      assert.match(activation, /include-settings\.sh\n?$/);
    });

    it("leaves Determinate's module alone while nix-darwin manages Nix", async () => {
      const { config } = await on("determinate", [mac]);
      assert.deepEqual(at(config, "determinateNix", "customSettings"), {});
      assert.equal(at(config, "nix", "settings", "fallback"), true);
    });

    for (const [release, modules] of [
      ["darwin", [mac]],
      ["determinate-bare", [mac, unmanaged]],
      ["determinate", [mac, unmanaged]],
    ] as const) {
      it(`puts the hook, its settings and the uploader in place (${release})`, async () => {
        const { config } = await on(release, modules);
        const etc = at(config, "environment", "etc");
        const written: unknown = JSON.parse(textAt(etc, "nix-binary-cache/config.json", "text"));
        assert.deepEqual(written, JSON.parse(builderConfig({ name: "macbook", system }, stack)));
        assert.match(textAt(etc, "nix/upload-to-cache.sh", "source"), /\/hook\/upload-hook\.sh$/);
        const plist = textAt(config, "environment", "launchDaemons", "org.nix-binary-cache.upload.plist", "source");
        assert.match(plist, /^\/nix\/store\/[^/]+\/Library\/LaunchDaemons\/org\.nix-binary-cache\.upload\.plist$/);
        const before = textAt(config, "system", "activationScripts", "extraActivation", "text");
        assert.match(before, /^\/bin\/sh \/nix\/store\/\S+\/darwin\/prepare-builder\.sh macbook\n?$/);
      });
    }

    it("only reads where it is no builder", async () => {
      const reader = { services: { "nix-binary-cache": { vars, client: { enable: true } } } };
      const { config } = await on("darwin", [reader]);
      assert.equal(at(config, "nix", "settings", "post-build-hook"), undefined);
      // What tells the server which keys it trusts is all that runs there.
      const daemons = Object.keys(at(config, "environment", "launchDaemons") as object);
      assert.deepEqual(daemons, ["org.nix-binary-cache.tell.plist"]);
      const packages = at(config, "environment", "systemPackages") as string[];
      assert.equal(packages.length, 1, "cachectl doctor is there all the same");
      assert.match(packages[0] ?? "", /-nix-binary-cache-cachectl$/);
    });

    it("hands the user's own hook to a daemon of nix-darwin's, and says that it can't to any other", async () => {
      const mine = { services: { "nix-binary-cache": { builder: { nextHook: "/etc/nix/mine.sh" } } } };
      const managed = await on("darwin", [mac, mine]);
      assert.deepEqual(at(managed.config, "nix", "envVars"), { NIX_BINARY_CACHE_NEXT_HOOK: "/etc/nix/mine.sh" });
      const { failed } = await on("determinate-bare", [mac, mine, unmanaged]);
      assert.equal(failed.length, 1);
      assert.match(failed[0] ?? "", /builder\.nextHook: is set, but nix\.enable is false.* Take it out/);
    });
  });
}

/** The settings in nix.conf's form, without comments. */
function settingsIn(text: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(lines.map((line) => line.split(" = ") as [string, string]));
}
