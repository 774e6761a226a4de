import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "mocha";
import { parse } from "yaml";
import * as pulumi from "@pulumi/pulumi";
import { ConfigError, loadConfig, parseConfig, type SecretKey } from "../../../components/config.ts";

const noSecrets: ReadonlySet<SecretKey> = new Set();

/** The least that a stack must say. */
const least = {
  server: { name: "server", address: "100.64.0.10", hostKey: `ssh-ed25519 ${"A".repeat(68)}`, flake: "github:a/b" },
};

function problemsOf(raw: unknown, secrets: ReadonlySet<SecretKey> = noSecrets): Record<string, string> {
  try {
    parseConfig(raw, secrets, "dev");
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return Object.fromEntries(error.problems.map(({ key, what }) => [key, what]));
  }
  return {};
}

describe("the stack's configuration", () => {
  it("needs the server's name, address, host key and flake, and nothing else", () => {
    const config = parseConfig(least, noSecrets, "dev");
    assert.equal(config.cache.port, 5000);
    assert.equal(config.cache.priority, 50);
    assert.equal(config.retention.diskBudget, "100GiB");
    assert.deepEqual(config.tailnet.tags, { cache: "tag:nix-cache", ci: "tag:nix-ci" });
    assert.equal(config.ci.enabled, false);
    assert.deepEqual(Object.keys(problemsOf({ server: {} })), [
      "server.name",
      "server.address",
      "server.hostKey",
      "server.flake",
    ]);
  });

  it("accepts the example that is shipped", () => {
    const { config } = parse(readFileSync("Pulumi.dev.yaml", "utf8")) as { config: Record<string, unknown> };
    const raw = Object.fromEntries(Object.entries(config).map(([key, value]) => [key.replace(/^[^:]+:/, ""), value]));
    assert.deepEqual(problemsOf(raw, new Set<SecretKey>(["ciSigningKey", "ciSshKey"])), {});
  });

  it("names every problem at once, each with the command that mends it", () => {
    const raw = { ...least, cache: { port: 99999 }, retention: { keepDays: 0 }, populat: {} };
    assert.throws(
      () => parseConfig(raw, noSecrets, "dev"),
      (error: Error) => {
        assert.match(error.message, /stack "dev" has 3 problem\(s\)/);
        assert.match(
          error.message,
          /cache\.port: .*65535; found 99999\n {4}mend it: pulumi config set --path 'cache\.port'/,
        );
        assert.match(error.message, /retention\.keepDays: /);
        assert.match(error.message, /populat: is not a setting of this program\n {4}mend it: pulumi config rm populat/);
        return true;
      },
    );
  });

  it("refuses an unknown key at any depth", () => {
    const raw = { ...least, tailnet: { policy: { requiredeny: true } } };
    assert.deepEqual(problemsOf(raw), { "tailnet.policy.requiredeny": "is not a setting of this program" });
    assert.throws(() => parseConfig(raw, noSecrets, "dev"), {
      message: /mend it: pulumi config rm --path 'tailnet\.policy\.requiredeny' --stack dev$/,
    });
  });

  it("refuses an RSA host key", () => {
    const raw = { server: { ...least.server, hostKey: "ssh-rsa AAAAB3NzaC1yc2E" } };
    assert.match(problemsOf(raw)["server.hostKey"] ?? "", /expected an ed25519 key/);
  });

  it("refuses a signing key directory inside the store, which everybody can read", () => {
    const raw = { ...least, signing: { directory: "/nix/store/keys" } };
    assert.match(problemsOf(raw)["signing.directory"] ?? "", /outside \/nix\/store/);
  });

  it("refuses a priority that would be asked before cache.nixos.org", () => {
    assert.match(
      problemsOf({ ...least, cache: { priority: 30 } })["cache.priority"] ?? "",
      /found 30; must be above 40/,
    );
  });
});

describe("settings that need a partner", () => {
  const builder = { name: "macbook", system: "aarch64-darwin" };

  it("a builder that installs by its own module tells its public halves", () => {
    assert.deepEqual(Object.keys(problemsOf({ ...least, builders: [builder] })), [
      "builders[0].sshKey",
      "builders[0].signingKey",
    ]);
  });

  it("a builder that Pulumi installs on tells where it is and its host key", () => {
    assert.deepEqual(Object.keys(problemsOf({ ...least, builders: [{ ...builder, install: "ssh" }] })), [
      "builders[0].address",
      "builders[0].hostKey",
    ]);
  });

  it("takes a number for the name of one of CI's clients, as `pulumi config set --path` stores it", () => {
    const { ci } = parseConfig({ ...least, ci: { clients: [2, "1"] } }, noSecrets, "dev");
    assert.deepEqual(ci.clients, ["2", "1"]);
    assert.deepEqual(Object.keys(problemsOf({ ...least, ci: { clients: [{}] } })), ["ci.clients[0]"]);
  });

  it("CI tells its repository and has its secrets, which are never part of a structure", () => {
    const enabled = { ...least, ci: { enabled: true } };
    assert.deepEqual(Object.keys(problemsOf(enabled)), ["ci.repository", "ciSigningKey", "ciSshKey"]);
    const overTailscale = { ...enabled, server: { ...least.server, ssh: "tailscale" } };
    assert.deepEqual(Object.keys(problemsOf(overTailscale)), ["ci.repository", "ciSigningKey"]);
    assert.deepEqual(problemsOf({ ...least, ci: { signingKey: "x" } }), {
      "ci.signingKey": "is not a setting of this program",
    });
  });

  it("the command for a missing secret reads standard input", () => {
    const raw = { ...least, ci: { enabled: true, repository: "a/b" } };
    assert.throws(
      () => parseConfig(raw, noSecrets, "dev"),
      /mend it: pulumi config set --secret ciSigningKey --stack dev < FILE/,
    );
  });

  it("Tailscale SSH answers on port 22 alone, and knows a builder by its address", () => {
    const server = { ...least.server, ssh: "tailscale", sshPort: 2222 };
    const keys = { sshKey: least.server.hostKey, signingKey: `mac-1:${"A".repeat(43)}=` };
    const problems = problemsOf({ server, builders: [{ ...builder, ...keys }] });
    assert.deepEqual(Object.keys(problems), ["server.sshPort", "builders[0].address"]);
    assert.match(problems["server.sshPort"] ?? "", /found 2222; Tailscale SSH .* answers on 22 alone/);
  });

  it("names are there once, and the two tags differ", () => {
    const client = { name: "desktop", system: "x86_64-linux" };
    const raw = { ...least, clients: [client, client], tailnet: { tags: { cache: "tag:x", ci: "tag:x" } } };
    assert.deepEqual(Object.keys(problemsOf(raw)), ["clients[1].name", "tailnet.tags.ci"]);
  });

  it("an entry for the policy names a tag of this stack, since by it alone it is found again", () => {
    const raw = { ...least, tailnet: { policy: { extra: { grants: [{ src: ["*"], dst: ["*"], ip: ["*"] }] } } } };
    assert.match(problemsOf(raw)["tailnet.policy.extra.grants[0]"] ?? "", /neither of this stack's tags/);
  });
});

describe("the configuration as Pulumi gives it", () => {
  it("is refused with every problem in the text, as an error of which Pulumi shows no JavaScript stack", () => {
    const key = (name: string): string => `${pulumi.getProject()}:${name}`;
    pulumi.runtime.setAllConfig({ [key("server")]: "{}", [key("colour")]: "{}" });
    assert.throws(loadConfig, (error: unknown) => {
      assert.ok(pulumi.RunError.isInstance(error));
      assert.match(error.message, /server\.name: is missing[^]*colour/);
      return true;
    });
  });
});
