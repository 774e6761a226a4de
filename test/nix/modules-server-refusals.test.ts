import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import { evaluate, type Evaluated, libs, needsNix, type Release } from "./module-nix.ts";
import { vars } from "./module-stack.ts";

const enabled = { services: { "nix-binary-cache": { vars, server: { enable: true } } } };

/** The server's options, on top of a stack's. */
function server(options: object, more: object = {}): object[] {
  return [enabled, { services: { "nix-binary-cache": { server: options } } }, more];
}

for (const lib of libs()) {
  describe(`What the server's module refuses, evaluated with ${lib.name}`, () => {
    before(needsNix);

    const on = (modules: readonly object[], release: Release = "26.05"): Promise<Evaluated> =>
      evaluate(lib.path, { roles: ["server"], release, modules });

    const refusals: readonly [what: string, modules: object[], option: RegExp, remedy: RegExp, release?: Release][] = [
      ["no signing key", server({ signing: { keys: [] } }), /server\.signing\.keys: is empty/, /Name a key/],
      [
        "a deploy key in the store",
        server({ populate: { deployKeyFile: "/nix/store/key" } }),
        /server\.populate\.deployKeyFile: is in the Nix store/,
        /outside it/,
      ],
      [
        "keys in the store",
        server({ signing: { directory: "/nix/store/keys" } }),
        /server\.signing\.directory: is in the Nix store/,
        /outside it/,
      ],
      ["a priority before cache.nixos.org", server({ priority: 30 }), /server\.priority: is 30/, /above 40/],
      ["Harmonia on nginx's port", server({ origin: "127.0.0.1:5500" }), /server\.origin: .*5500/, /another one/],
      ["Harmonia on nginx's inner port", server({ origin: "127.0.0.1:5502" }), /server\.origin: .*5502/, /another one/],
      [
        "an http block that leaves out ours",
        server({}, { services: { nginx: { httpConfig: "server { listen 80; }" } } }),
        /services\.nginx\.httpConfig: is set/,
        /Move it to services\.nginx\.appendHttpConfig/,
      ],
      [
        "a configuration of nginx that leaves out http",
        server({}, { services: { nginx: { config: "events { }" } } }),
        /services\.nginx\.config: is set/,
        /Move it to services\.nginx\.appendHttpConfig/,
      ],
      [
        "no firewall",
        server({}, { networking: { firewall: { enable: false } } }),
        /networking\.firewall\.enable: is false/,
        /true, or .*listenAddresses/,
      ],
      [
        "trusted uploads",
        server({}, { nix: { settings: { "trusted-users": ["root", "nix-push"] } } }),
        /nix\.settings\.trusted-users: /,
        /Take out nix-push/,
      ],
      ["everybody trusted", server({}, { nix: { settings: { "trusted-users": ["*"] } } }), /trusted-users/, /Take out/],
      [
        "no signatures",
        server({}, { nix: { settings: { "require-sigs": false } } }),
        /nix\.settings\.require-sigs: is false/,
        /Set it to true/,
      ],
      ["nix.gc", server({}, { nix: { gc: { automatic: true } } }), /nix\.gc\.automatic: is true/, /Set it to false/],
      [
        "Harmonia's own collection",
        server({}, { services: { harmonia: { gc: { automatic: true } } } }),
        /services\.harmonia\.gc\.automatic: is true/,
        /Set it to false/,
        "26.11",
      ],
      [
        "sshd that keeps uploads out",
        server({}, { services: { openssh: { settings: { AllowUsers: ["alice"] } } } }),
        /services\.openssh\.settings\.AllowUsers: leaves nix-push out/,
        /Add it/,
      ],
      [
        "sshd that keeps its group out",
        server({}, { services: { openssh: { settings: { AllowGroups: ["wheel"] } } } }),
        /services\.openssh\.settings\.AllowGroups: leaves nix-push out/,
        /Add it/,
      ],
      [
        "populate without a flake",
        [{ services: { "nix-binary-cache": { server: { enable: true, populate: { enable: true } } } } }],
        /server\.populate\.flake: is not set/,
        /Name a flake/,
      ],
    ];
    for (const [what, modules, option, remedy, release] of refusals) {
      it(`refuses ${what}, naming the option and what to do`, async () => {
        const { failed } = await on(modules, release);
        assert.equal(failed.length, 1, failed.join("\n"));
        assert.match(failed[0] ?? "", option);
        assert.match(failed[0] ?? "", remedy);
      });
    }

    it("takes sshd's lists that let uploads in, by name or by a pattern", async () => {
      for (const AllowUsers of [["alice", "nix-push"], ["nix-push@100.*"], ["*@100.*"]]) {
        const { failed } = await on(server({}, { services: { openssh: { settings: { AllowUsers } } } }));
        assert.deepEqual(failed, []);
      }
    });

    it("warns of a machine that is in no tailnet", async () => {
      const { config } = await on(server({}, { services: { tailscale: { enable: false } } }));
      assert.match(JSON.stringify(config.warnings), /services\.tailscale\.enable: is false.*Set it to true, or/);
      const other = await on(server({ tailnetInterface: "eth1" }, { services: { tailscale: { enable: false } } }));
      assert.deepEqual([other.config.warnings, (await on([enabled])).config.warnings], [[], []]);
    });

    it("refuses a Node that does not run TypeScript", async () => {
      const { failed } = await evaluate(lib.path, { roles: ["server"], modules: [enabled], node: "22.14.0" });
      assert.equal(failed.length, 1);
      assert.match(failed[0] ?? "", /services\.nix-binary-cache\.nodejs: found 22\.14\.0, needed 22\.18/);
    });

    const kinds: readonly [option: string, value: object][] = [
      ["server.port", { port: 70_000 }],
      ["server.priority", { priority: 0 }],
      ["server.origin", { origin: "0.0.0.0:5001" }],
      ["server.name", { name: "Not A Name" }],
      ["server.signing.directory", { signing: { directory: "secrets" } }],
      ["server.retention.diskBudget", { retention: { diskBudget: "100GB" } }],
      ["server.retention.keepDays", { retention: { keepDays: 0 } }],
      ["server.populate.schedule", { populate: { schedule: "daily\nUser=root" } }],
      ["server.populate.lock", { populate: { lock: "newest" } }],
      ["server.populate.flake", { populate: { flake: "github:a/b#c" } }],
      ["server.nginxCache.maxSize", { nginxCache: { maxSize: "10g; evil" } }],
    ];
    for (const [option, value] of kinds) {
      it(`takes no wrong value for ${option}`, async () => {
        await assert.rejects(on(server(value)), (error: Error) => {
          assert.match(error.message, new RegExp(`services\\.nix-binary-cache\\.${option.replaceAll(".", "\\.")}`));
          assert.match(error.message, /is not of type/);
          return true;
        });
      });
    }
  });
}
