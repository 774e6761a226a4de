import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import { nixConf } from "../../components/client-settings/nix-conf.ts";
import { at, evaluate, type Evaluated, libs, needsNix, textAt } from "./module-nix.ts";
import { publicKeys, vars } from "./module-stack.ts";

const enabled = { services: { "nix-binary-cache": { vars, client: { enable: true } } } };

for (const lib of libs()) {
  describe(`The client's module, evaluated with ${lib.name}`, () => {
    before(needsNix);

    const on = (modules: readonly object[], weakSettings?: object): Promise<Evaluated> =>
      evaluate(lib.path, { roles: ["client"], modules, ...(weakSettings && { weakSettings }) });

    it("tells Nix what nix.conf tells it on Macs that Pulumi installs on", async () => {
      const { config, failed } = await on([enabled]);
      assert.deepEqual(failed, []);
      const settings = at(config, "nix", "settings") as Record<string, unknown>;
      const lines = nixConf(vars)
        .split("\n")
        .filter((line) => line.includes(" = "))
        .map((line) => line.split(" = ") as [string, string]);
      const written = lines.map(([name, value]) => [name.replace(/^extra-/, ""), value]);
      const told = Object.entries(settings).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(" ") : String(value),
      ]);
      assert.deepEqual(Object.fromEntries(told), Object.fromEntries(written));
    });

    it("adds to the caches and keys that the machine has", async () => {
      const own = { nix: { settings: { substituters: ["https://own"], "trusted-public-keys": ["own:AAAA"] } } };
      const settings = at((await on([own, enabled])).config, "nix", "settings");
      assert.deepEqual([...(at(settings, "substituters") as string[])].sort(), [vars.cache.url, "https://own"]);
      assert.deepEqual(
        [...(at(settings, "trusted-public-keys") as string[])].sort(),
        [...publicKeys, "own:AAAA"].sort(),
      );
    });

    it("gives way to the machine's own values, and to another module's defaults", async () => {
      const own = { nix: { settings: { fallback: false } } };
      const settings = at((await on([enabled, own], { "connect-timeout": 9 })).config, "nix", "settings");
      assert.equal(at(settings, "fallback"), false);
      assert.equal(at(settings, "connect-timeout"), 9);
      assert.equal(at(settings, "download-attempts"), 2);
    });

    it("sets nothing until it is enabled", async () => {
      const { config, failed } = await on([{ services: { "nix-binary-cache": { vars } } }]);
      assert.deepEqual(at(config, "nix", "settings"), {});
      assert.deepEqual(failed, []);
    });

    it("tries the cache on a schedule where it is asked to", async () => {
      const asked = { services: { "nix-binary-cache": { canary: { enable: true, schedule: "daily" } } } };
      const { config } = await on([enabled, asked]);
      const timer = at(config, "systemd", "timers", "nix-binary-cache-canary", "timerConfig", "OnCalendar");
      assert.equal(timer, "daily");
      const timers = at((await on([enabled])).config, "systemd", "timers") as object;
      assert.deepEqual(Object.keys(timers), ["nix-binary-cache-tell"]);
    });

    it("tells the server which keys it trusts: each day, after a switch to others, and never as a failure", async () => {
      const { config } = await on([enabled]);
      const timer = at(config, "systemd", "timers", "nix-binary-cache-tell");
      assert.equal(at(timer, "timerConfig", "OnUnitInactiveSec"), "1d");
      assert.deepEqual(at(timer, "restartTriggers"), publicKeys);
      const service = at(config, "systemd", "services", "nix-binary-cache-tell", "serviceConfig");
      assert.match(textAt(service, "ExecStart"), /\/bin\/cachectl doctor cache-info$/);
      assert.deepEqual(at(service, "SuccessExitStatus"), [1, 75]);
    });

    it("refuses to work without the stack's facts, and says how to get them", async () => {
      const { failed } = await on([{ services: { "nix-binary-cache": { client: { enable: true } } } }]);
      assert.match(failed.join("\n"), /services\.nix-binary-cache\.client\.url: is not set\. Set .*npm run nix-vars/);
      assert.match(failed.join("\n"), /services\.nix-binary-cache\.client\.publicKeys: is empty/);
      assert.equal(failed.length, 2);
    });

    const wrong: readonly [option: string, value: object][] = [
      ["client.url", { url: "server:5000" }],
      ["client.publicKeys", { publicKeys: ["server-cache-1"] }],
      ["client.connectTimeoutSeconds", { connectTimeoutSeconds: 0 }],
      ["client.narinfoNegativeTtlSeconds", { narinfoNegativeTtlSeconds: 86_400 }],
    ];
    for (const [option, value] of wrong) {
      it(`takes no wrong value for ${option}`, async () => {
        const modules = [enabled, { services: { "nix-binary-cache": { client: value } } }];
        await assert.rejects(on(modules), new RegExp(`${option.replace(".", "\\.")}[^]*is not of type`));
      });
    }
  });
}
