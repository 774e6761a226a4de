import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import { readPopulateSettings } from "../../nix/cachectl/populate/settings.ts";
import { parseLimits } from "../../nix/cachectl/receive/limits.ts";
import { configuredKeys } from "../../nix/cachectl/receive/trust.ts";
import { readRetentionSettings } from "../../nix/cachectl/retain/policy.ts";
import { readScrubSettings } from "../../nix/cachectl/scrub/settings.ts";
import { parseWord } from "../../nix/cachectl/clients/word.ts";
import { countLine } from "../../nix/cachectl/status/facts/access-log.ts";
import { readWarmSettings } from "../../nix/cachectl/warm/settings.ts";
import {
  at,
  evaluate,
  type Evaluated,
  type Json,
  libs,
  needsNix,
  nixosReleases,
  type Release,
  textAt,
} from "./module-nix.ts";
import { publicKeys, vars } from "./module-stack.ts";

const enabled = { services: { "nix-binary-cache": { vars, server: { enable: true } } } };

/** The server's options, on top of a stack's. */
function server(options: object, more: object = {}): object[] {
  return [enabled, { services: { "nix-binary-cache": { server: options } } }, more];
}

if (libs().length === 1) {
  describe("The modules, evaluated with nixpkgs' lib", () => {
    it("is not run: NIXPKGS_LIB names no folder lib of a nixpkgs, whose evalModules would be used");
  });
}

for (const lib of libs()) {
  describe(`The server's module, evaluated with ${lib.name}`, () => {
    before(needsNix);

    const on = (modules: readonly object[] = [enabled], release: Release = "26.05"): Promise<Evaluated> =>
      evaluate(lib.path, { roles: ["server"], release, modules });

    for (const release of nixosReleases) {
      it(`sets Harmonia up where NixOS ${release} has its options`, async () => {
        const { config, failed } = await on([enabled], release);
        const harmonia = at(config, "services", "harmonia");
        const settings = { bind: "127.0.0.1:5501", priority: 55 };
        const signKeyPaths = [
          "/var/lib/secrets/cache/server-cache-2.secret",
          "/var/lib/secrets/cache/server-cache-1.secret",
        ];
        const expected = { enable: true, settings, signKeyPaths };
        assert.deepEqual(release === "24.11" ? harmonia : at(harmonia, "cache"), expected);
        // A flat name where there is `cache` would be a rename, and a warning.
        assert.equal(at(harmonia, "enable"), release === "24.11" ? true : undefined);
        assert.deepEqual(failed, []);
      });
    }

    it("works before there are any facts of the stack, with the stack's own defaults", async () => {
      const { config, failed } = await on([{ services: { "nix-binary-cache": { server: { enable: true } } } }]);
      assert.deepEqual(failed, []);
      assert.deepEqual(at(config, "services", "harmonia", "cache", "signKeyPaths"), [
        "/var/lib/secrets/nix-binary-cache/server-cache-1.secret",
      ]);
      assert.match(textAt(config, "services", "nginx", "appendHttpConfig"), /listen 5000;/);
      // Nothing says yet which flake.
      assert.equal(at(config, "systemd", "timers", "nix-binary-cache-populate"), undefined);
      // Nor which keys a client trusts.
      assert.equal(at(config, "systemd", "timers", "nix-binary-cache-canary"), undefined);
    });

    it("has nginx listen on the cache's port, before Harmonia on the loopback", async () => {
      const text = textAt((await on()).config, "services", "nginx", "appendHttpConfig");
      assert.match(text, /listen 5500;/);
      assert.match(text, /server 127\.0\.0\.1:5501 /);
      const named = await on(server({ listenAddresses: ["100.64.0.10", "fd7a::1"] }));
      const listens = textAt(named.config, "services", "nginx", "appendHttpConfig").match(/listen [^;]+;/g);
      const own = ["listen 127.0.0.1:5500;", "listen 100.64.0.10:5500;", "listen [fd7a::1]:5500;"];
      assert.deepEqual(listens?.slice(0, 3), own);
      assert.ok(listens.slice(3).every((listen) => listen.startsWith("listen 127.0.0.1:")));
    });

    it("gives nginx room for many readers, unless the machine says otherwise", async () => {
      const nginx = at((await on()).config, "services", "nginx");
      assert.match(textAt(nginx, "appendConfig"), /^worker_processes auto;$[^]*^worker_rlimit_nofile \d+;$/m);
      assert.equal(textAt(nginx, "eventsConfig"), "worker_connections 2048;");
      const own = { services: { nginx: { eventsConfig: "worker_connections 9;" } } };
      const { config } = await on([enabled, own]);
      assert.equal(at(config, "services", "nginx", "eventsConfig"), "worker_connections 9;");
    });

    it("has nginx give Prometheus the figures on the loopback alone, unless that or the page is off", async () => {
      const portOf = async (settings?: object): Promise<string | undefined> => {
        const { config } = await (settings === undefined ? on() : on(server(settings)));
        const text = textAt(config, "services", "nginx", "appendHttpConfig");
        return /listen (\S+);(?:(?!listen)[^])*location = \/metrics /.exec(text)?.[1];
      };
      assert.match((await portOf()) ?? "", /^127\.0\.0\.1:\d+$/);
      assert.equal(await portOf({ status: { metricsPort: 9105 } }), "127.0.0.1:9105");
      assert.equal(await portOf({ status: { metricsPort: null } }), undefined);
      assert.equal(await portOf({ status: { enable: false } }), undefined);
    });

    it("has nginx log what status counts, and no addresses", async () => {
      const text = textAt((await on()).config, "services", "nginx", "appendHttpConfig");
      assert.match(text, /access_log \/var\/log\/nginx\/nix-binary-cache\.log nix_binary_cache /);
      const format = /^log_format nix_binary_cache '(.*)';$/m.exec(text)?.[1] ?? "";
      const values: Record<string, string> = {
        msec: "1700000000.123",
        server_port: "5500",
        status: "200",
        body_bytes_sent: "1000",
        upstream_cache_status: "HIT",
        request_time: "0.001",
        request_uri: `/nar/${"0".repeat(52)}.nar?hash=${"0".repeat(32)}`,
      };
      const line = format.replace(/\$(\w+)/g, (_, name: string) => values[name] ?? "unknown");
      const counted = countLine(line, 5500)?.counts;
      assert.deepEqual([counted?.nars, counted?.bytes, counted?.hitBytes], [1, 1000, 1000]);
      assert.doesNotMatch(format, /addr|user|host/);
    });

    it("has nginx log who says which keys it trusts, apart from all else, as `cachectl clients` reads it", async () => {
      const text = textAt((await on()).config, "services", "nginx", "appendHttpConfig");
      const here = /location = \/nix-cache-info \{([^}]*)\}/.exec(text)?.[1] ?? "";
      assert.match(
        here,
        /access_log \S+nix-binary-cache\.log nix_binary_cache .*; access_log \S+-clients\.log nix_binary_cache_clients if=\$arg_trusts;/,
      );
      assert.equal(text.match(/-clients\.log/g)?.length, 1);
      const format = /^log_format nix_binary_cache_clients '(.*)';$/m.exec(text)?.[1] ?? "";
      const values: Record<string, string> = {
        msec: "1700000000.123",
        remote_addr: "100.64.0.2",
        arg_trusts: "a-1,a-2",
      };
      const line = format.replace(/\$(\w+)/g, (_, name: string) => values[name] ?? "unknown");
      assert.deepEqual(parseWord(line), { address: "100.64.0.2", keys: ["a-1", "a-2"], at: 1_700_000_000_123 });
    });

    it("lets the cache's port and ssh through on the tailnet's interface, and on no other", async () => {
      const { config } = await on();
      assert.deepEqual(at(config, "networking", "firewall", "interfaces"), {
        tailscale0: { allowedTCPPorts: [5500, 2222] },
      });
      assert.equal(at(config, "networking", "firewall", "allowedTCPPorts"), undefined);
      const other = await on(server({ tailnetInterface: "ts1" }));
      assert.deepEqual(Object.keys(at(other.config, "networking", "firewall", "interfaces") as object), ["ts1"]);
    });

    it("makes an account for uploads whose shell receives, whose keys are cachectl's, and which Nix does not trust", async () => {
      const { config } = await on();
      const user = at(config, "users", "users", "nix-push");
      assert.match(textAt(user, "shell"), /^\/nix\/store\/.*\/bin\/cachectl-receive$/);
      assert.equal(at(user, "isSystemUser"), true);
      assert.equal(at(user, "extraGroups"), undefined);
      const sshd = textAt(config, "services", "openssh", "extraConfig");
      for (const line of [
        "AuthorizedKeysFile /var/lib/nix-binary-cache/authorized_keys",
        "AuthenticationMethods publickey",
        "ExposeAuthInfo yes",
        "DisableForwarding yes",
        "PermitTTY no",
        "PermitUserRC no",
      ]) {
        assert.match(sshd, new RegExp(`^Match User nix-push$[^]*^  ${line}$[^]*^Match All$`, "m"));
      }
      assert.equal(at(config, "nix", "settings", "trusted-users"), undefined);
      assert.deepEqual(at(config, "nix", "settings", "extra-allowed-users"), ["nix-push", "nix-populate"]);
    });

    it("turns off what Tailscale SSH serves past that shell, where it answers, and leaves tailscaled alone elsewhere", async () => {
      const { config } = await on([...server({ ssh: "tailscale" }), { services: { tailscale: { enable: true } } }]);
      assert.deepEqual(at(config, "systemd", "services", "tailscaled", "environment"), {
        TS_SSH_DISABLE_SFTP: "true",
        TS_SSH_DISABLE_FORWARDING: "true",
      });
      assert.equal(at((await on()).config, "systemd", "services", "tailscaled"), undefined);
    });

    it("includes builders' keys in nix.conf after what the user has there", async () => {
      const { config } = await on([enabled, { nix: { extraOptions: "trusted-public-keys = mine:AAAA" } }]);
      assert.equal(
        at(config, "nix", "extraOptions"),
        "trusted-public-keys = mine:AAAA\n!include /var/lib/nix-binary-cache/trusted-keys.conf",
      );
    });

    it("writes the config.json that each part of cachectl reads", async () => {
      const { config } = await on(server({ limits: { dailyBytes: "9GiB" }, warm: { concurrency: 3 } }));
      const written = JSON.parse(
        textAt(config, "environment", "etc", "nix-binary-cache/config.json", "text"),
      ) as unknown;
      const read = readPopulateSettings(written);
      assert.deepEqual(
        [read.host, read.flake, read.lock, read.timeoutSeconds, read.memoryBytes],
        ["attic", "github:alice/nixos-config", "update", 30 * 60, 4 * 1024 ** 3],
      );
      const kept = readRetentionSettings(written);
      assert.deepEqual([kept.keepSystems, kept.keepPackages, kept.keepDays], [7, 2, 10]);
      assert.equal(kept.budgetBytes, 200 * 1024 ** 3);
      assert.deepEqual(kept.machines, ["attic", "macbook", "quiet"]);
      assert.deepEqual(configuredKeys(written).slice(0, 2), publicKeys);
      assert.equal(readWarmSettings(written)?.url, "http://127.0.0.1:5500");
      assert.equal(readWarmSettings(written)?.concurrency, 3);
      const scrubbed = readScrubSettings(written);
      assert.deepEqual(scrubbed, { bytesPerSecond: 50 * 1024 ** 2, nginxCache: "/var/cache/nginx/nix-binary-cache" });
      assert.equal(parseLimits(written).dailyBytes, 9 * 1024 ** 3);
    });

    it("runs its jobs on the stack's schedule, each confined, none with a program in a string", async () => {
      const { config } = await on();
      assert.equal(onCalendar(config, "populate"), "hourly");
      assert.equal(onCalendar(config, "retain"), "weekly");
      const services = Object.entries(at(config, "systemd", "services") as Record<string, Json>);
      const ours = services.filter(([name]) => name.startsWith("nix-binary-cache-"));
      assert.deepEqual(
        ours.map(([name]) => name.slice("nix-binary-cache-".length)),
        ["canary", "nginx-cache", "populate", "retain", "retain-if-low", "scrub", "status"],
      );
      for (const [name, service] of ours) {
        const confinement = ["NoNewPrivileges", "PrivateTmp", "ProtectKernelTunables", "RestrictSUIDSGID"];
        for (const key of confinement) assert.equal(at(service, "serviceConfig", key), true, `${name} ${key}`);
        assert.equal(at(service, "serviceConfig", "ProtectSystem"), "strict", name);
        assert.equal(at(service, "script"), undefined, name);
        const program = /^(?:\/nix\/store\/[^ ]*\/bin\/cachectl [a-z]+|\/bin\/sh \/[^ ]*nginx-cache\.sh open \/)/;
        assert.match(textAt(service, "serviceConfig", "ExecStart"), program);
      }
      const populate = at(config, "systemd", "services", "nix-binary-cache-populate", "serviceConfig");
      assert.equal(at(populate, "User"), "nix-populate");
      assert.equal(at(populate, "MemoryMax"), "4G");
      assert.deepEqual(at(populate, "CapabilityBoundingSet"), [""]);
      // After the groups that are taken out, or setpriv fails: "activate capabilities: Operation not permitted".
      assert.deepEqual(at(populate, "SystemCallFilter"), ["@system-service", "~@privileged @resources", "capset"]);
      assert.equal(at(populate, "LoadCredential"), undefined);
    });

    it("hands the deploy key to the populate job alone, from outside the store", async () => {
      const { config } = await on(server({ populate: { deployKeyFile: "/run/secrets/deploy" } }));
      assert.deepEqual(
        at(config, "systemd", "services", "nix-binary-cache-populate", "serviceConfig", "LoadCredential"),
        ["deploy-key:/run/secrets/deploy"],
      );
    });

    it("runs no job that is switched off, and no garbage collection of NixOS's own", async () => {
      const off = { enable: false };
      const noCanary = { services: { "nix-binary-cache": { canary: off } } };
      const { config } = await on(server({ populate: off, retention: off, scrub: off, status: off }, noCanary));
      for (const kind of ["services", "timers"]) {
        for (const verb of ["canary", "populate", "retain", "retain-if-low", "scrub", "status"]) {
          assert.equal(at(config, "systemd", kind, `nix-binary-cache-${verb}`), undefined, verb);
        }
      }
      assert.equal(at(config, "nix", "gc", "automatic"), false);
    });
  });
}

function onCalendar(config: Evaluated["config"], verb: string): Json | undefined {
  return at(config, "systemd", "timers", `nix-binary-cache-${verb}`, "timerConfig", "OnCalendar");
}
