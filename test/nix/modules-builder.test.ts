import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import { builderConfig } from "../../components/upload-hook/upload-hook.ts";
import { parseSettings } from "../../nix/cachectl/upload/settings.ts";
import { at, evaluate, type Evaluated, libs, needsNix, textAt } from "./module-nix.ts";
import { config as stack, vars } from "./module-stack.ts";

const system = "x86_64-linux";

function builder(options: object = {}, more: object = {}): object[] {
  return [{ services: { "nix-binary-cache": { vars, builder: { enable: true, name: "desktop", ...options } } } }, more];
}

for (const lib of libs()) {
  describe(`The builder's module, evaluated with ${lib.name}`, () => {
    before(needsNix);

    const on = (modules: readonly object[]): Promise<Evaluated> => evaluate(lib.path, { roles: ["builder"], modules });

    it("writes the config.json that Pulumi writes on builders that it installs on, and that the uploader reads", async () => {
      const { config, failed } = await on(builder());
      assert.deepEqual(failed, []);
      const written: unknown = JSON.parse(textAt(config, "environment", "etc", "nix-binary-cache/config.json", "text"));
      assert.deepEqual(written, JSON.parse(builderConfig({ name: "desktop", system }, stack)));
      assert.equal(parseSettings(written).name, "desktop");
    });

    it("has Nix call the hook where it lies on every builder", async () => {
      const { config } = await on(builder());
      assert.equal(at(config, "nix", "settings", "post-build-hook"), "/etc/nix/upload-to-cache.sh");
      const source = textAt(config, "environment", "etc", "nix/upload-to-cache.sh", "source");
      assert.match(source, /^\/nix\/store\/[^/]+\/lib\/nix-binary-cache\/hook\/upload-hook\.sh$/);
    });

    it("leaves the hook off where the stack says so, or the machine", async () => {
      for (const options of [{ name: "quiet" }, { hook: false }]) {
        assert.equal(at((await on(builder(options))).config, "nix", "settings", "post-build-hook"), undefined);
      }
    });

    it("hands the user's own hook to the daemon, for ours to call", async () => {
      const { config } = await on(builder({ nextHook: "/etc/nix/mine.sh" }));
      assert.deepEqual(at(config, "systemd", "services", "nix-daemon", "environment"), {
        NIX_BINARY_CACHE_NEXT_HOOK: "/etc/nix/mine.sh",
      });
      assert.equal(at((await on(builder())).config, "systemd", "services", "nix-daemon"), undefined);
    });

    it("starts the uploader by the units of every other builder, which NixOS is told to want", async () => {
      const { config } = await on(builder());
      assert.deepEqual(at(config, "systemd", "paths", "nix-binary-cache-upload", "wantedBy"), ["paths.target"]);
      assert.deepEqual(at(config, "systemd", "timers", "nix-binary-cache-upload", "wantedBy"), ["timers.target"]);
      assert.equal((at(config, "systemd", "packages") as readonly unknown[]).length, 1);
      // The unit's own program stays; what is added confines it.
      const upload = at(config, "systemd", "services", "nix-binary-cache-upload", "serviceConfig");
      assert.equal(at(upload, "ExecStart"), undefined);
      assert.equal(at(upload, "ProtectSystem"), "strict");
      const keys = at(config, "systemd", "services", "nix-binary-cache-keys", "serviceConfig");
      assert.match(textAt(keys, "ExecStart"), /\/bin\/cachectl keys init --name desktop$/);
    });

    it("sets nothing until it is enabled", async () => {
      const { config } = await on([{ services: { "nix-binary-cache": { vars } } }]);
      assert.deepEqual([at(config, "nix", "settings"), at(config, "systemd", "services")], [{}, {}]);
    });

    it("refuses to work without the stack's facts, and on the server", async () => {
      const bare = [{ services: { "nix-binary-cache": { builder: { enable: true } } } }];
      const { failed } = await on(bare);
      assert.equal(failed.length, 2);
      assert.match(failed.join("\n"), /builder\.server\.host: is not set\. Set .*npm run nix-vars/);
      assert.match(failed.join("\n"), /builder\.server\.hostKey: is not set/);
      const both = await evaluate(lib.path, {
        roles: ["server", "builder"],
        modules: builder({}, { services: { "nix-binary-cache": { server: { enable: true } } } }),
      }).then(({ failed: both }) => both.join("\n"));
      assert.match(both, /services\.nix-binary-cache\.builder\.enable: is true on the server.* Set it to false/);
    });

    it("refuses a daemon that is not root, whose hook could queue nothing", async () => {
      const modules = builder({}, { nix: { daemonUser: "nix-daemon" } });
      const { failed } = await evaluate(lib.path, { roles: ["builder"], release: "26.11", modules });
      assert.equal(failed.length, 1);
      assert.match(failed[0] ?? "", /nix\.daemonUser: is nix-daemon, .* Set it to root/);
    });

    const wrong: readonly [option: string, value: object][] = [
      ["name", { name: "My Mac" }],
      ["server.hostKey", { server: { hostKey: "ssh-rsa AAAA" } }],
      ["maxPathBytes", { maxPathBytes: "lots" }],
      ["batchPaths", { batchPaths: 0 }],
      ["nextHook", { nextHook: "mine.sh" }],
    ];
    for (const [option, value] of wrong) {
      it(`takes no wrong value for builder.${option}`, async () => {
        await assert.rejects(on(builder(value)), new RegExp(`builder\\.${option}[^]*is not of type`));
      });
    }
  });
}
