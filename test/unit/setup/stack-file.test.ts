import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "mocha";
import { parseDocument } from "yaml";
import { parseConfig, secretKeys, type SecretKey } from "../../../components/config.ts";
import { answersBefore } from "../../../scripts/setup/before.ts";
import { difference } from "../../../scripts/setup/difference.ts";
import type { Plan } from "../../../scripts/setup/plan.ts";
import { announcedIn } from "../../../scripts/setup/announcement.ts";
import { stackFile, stackValues } from "../../../scripts/setup/stack-file.ts";

const example = readFileSync(new URL("../../../Pulumi.dev.yaml", import.meta.url), "utf8");
const hostKey = `ssh-ed25519 ${"A".repeat(68)}`;
const signingKey = `desktop-1:${"A".repeat(43)}=`;
const secrets = new Set(Object.keys(secretKeys) as SecretKey[]);

const plan: Plan = {
  server: {
    name: "server",
    address: "100.64.0.10",
    hostKey,
    system: "x86_64-linux",
    sshPort: 22,
    ssh: "openssh",
    flake: "github:alice/nixos-config",
    configuration: "server",
  },
  machines: [
    { name: "macbook", role: "ssh", system: "aarch64-darwin", address: "100.64.0.30", hostKey },
    { name: "desktop", role: "module", system: "x86_64-linux", address: "100.64.0.20" },
    { name: "laptop", role: "client", system: "x86_64-linux" },
  ],
  leftOut: [],
  outputs: "discover",
  diskBudget: "50GiB",
  testUser: "alice@example.com",
  owners: ["autogroup:admin"],
  ci: { repository: "alice/nixos-config", auth: "workload-identity", outputs: ["darwinConfigurations.macbook.system"] },
};

function parsed(text: string) {
  return parseConfig(stackValues(text), secrets, "home");
}

describe("the stack's file that setup writes", () => {
  it("is accepted by the program, and says what was answered", () => {
    const config = parsed(stackFile(example, undefined, plan));
    assert.equal(config.server.address, "100.64.0.10");
    assert.deepEqual(
      config.builders.map(({ name, install }) => [name, install]),
      [["macbook", "ssh"]],
    );
    assert.deepEqual(
      config.clients.map(({ name }) => name),
      ["macbook", "desktop", "laptop"],
    );
    assert.equal(config.retention.diskBudget, "50GiB");
    assert.equal(config.ci.repository, "alice/nixos-config");
    assert.equal(config.tailnet.testUser, "alice@example.com");
  });

  it("keeps the example's comments, with nothing of its machines, people and keys", () => {
    const text = stackFile(example, undefined, plan);
    assert.match(text, /# Where the server itself finds its NixOS configuration\./);
    assert.match(text, /# ssh-keyscan -t ed25519 100\.64\.0\.10, checked on the server's own console\./);
    assert.doesNotMatch(text, /100\.101\.102|AAAAC3Nza|working example|proposal/);
  });

  it("has no section for what is not wanted", () => {
    const text = stackFile(example, undefined, { ...plan, testUser: undefined, ci: undefined });
    assert.doesNotMatch(text, /nix-binary-cache:(tailnet|ci):/);
    assert.equal(parsed(text).ci.enabled, false);
  });

  it("names what a default is not", () => {
    for (const other of [
      { ssh: "tailscale", system: "aarch64-linux", sshPort: 22 },
      { ssh: "openssh", system: "x86_64-linux", sshPort: 2222 },
    ]) {
      const plans = { ...plan, server: { ...plan.server, ...other } };
      const { ssh, system, sshPort } = parsed(stackFile(example, undefined, plans)).server;
      assert.deepEqual({ ssh, system, sshPort }, other);
    }
  });

  it("says in a comment which builder has still to tell its keys, once, until it has", () => {
    const first = stackFile(example, undefined, plan);
    assert.deepEqual(announcedIn(first), ["desktop"]);
    assert.equal(stackFile(example, first, plan), first);
    const [macbook, desktop] = plan.machines;
    assert.ok(macbook !== undefined && desktop !== undefined);
    const told = stackFile(example, first, {
      ...plan,
      machines: [macbook, { ...desktop, sshKey: hostKey, signingKey }],
    });
    assert.deepEqual(announcedIn(told), []);
    assert.deepEqual(
      parsed(told).builders.map(({ name }) => name),
      ["macbook", "desktop"],
    );
  });

  it("changes in an existing file only what was answered", () => {
    const own = `# mine
encryptionsalt: v1:abc
config:
  other:thing: 3 # theirs
  nix-binary-cache:deployKey:
    secure: v1:secret
  nix-binary-cache:server:
    # the box
    name: server
    address: 100.64.0.10 # kitchen
    hostKey: ${hostKey}
    flake: github:alice/nixos-config
    configuration: server
  nix-binary-cache:retention:
    diskBudget: 10GiB
    keepDays: 7
`;
    const text = stackFile(example, own, { ...plan, machines: [], testUser: undefined, ci: undefined });
    const changed = difference(own, text).split("\n");
    assert.deepEqual(changed, [
      "-     diskBudget: 10GiB",
      "+     diskBudget: 50GiB",
      "+   nix-binary-cache:populate:",
      "+     outputs: discover",
    ]);
  });

  it("says who may assign the tags where that is not an admin", () => {
    assert.doesNotMatch(stackFile(example, undefined, plan), /owners/);
    const text = stackFile(example, undefined, { ...plan, owners: ["tag:nix-infra"] });
    assert.deepEqual(parsed(text).tailnet.owners, ["tag:nix-infra"]);
    assert.equal(answersBefore(stackValues(text)).values.owners, "tag:nix-infra");
    assert.deepEqual(parsed(stackFile(example, text, plan)).tailnet.owners, ["autogroup:admin"]);
  });

  it("takes out what is not wanted any more", () => {
    const first = stackFile(example, undefined, plan);
    const less = {
      ...plan,
      machines: [],
      leftOut: ["macbook", "desktop", "phone"],
      testUser: undefined,
      ci: undefined,
    };
    const text = stackFile(example, first, less);
    const config = parsed(text);
    assert.deepEqual(config.builders, []);
    assert.deepEqual(
      config.clients.map(({ name }) => name),
      ["laptop"],
    );
    assert.deepEqual([config.ci.enabled, config.ci.repository], [false, "alice/nixos-config"]);
    assert.equal(config.tailnet.testUser, undefined);
    assert.deepEqual(announcedIn(text), []);
  });

  it("gives its answers back as the next run's defaults", () => {
    const text = stackFile(example, undefined, plan);
    const { values, machines } = answersBefore(stackValues(text), announcedIn(text));
    assert.equal(values["disk-budget"], "50GiB");
    assert.equal(values.ci, "alice/nixos-config");
    assert.deepEqual(
      Object.entries(machines).map(([name, { role }]) => [name, role]),
      [
        ["macbook", "ssh"],
        ["desktop", "module"],
        ["laptop", "client"],
      ],
    );
  });

  it("takes no answers from a file that is half written", () => {
    const { values, machines } = answersBefore({ server: "x", builders: [{}], ci: { enabled: "yes" } });
    assert.deepEqual([values, machines], [{}, {}]);
  });

  it("refuses a file that is not YAML", () => {
    assert.throws(() => stackFile(example, "config: [", plan), /is not YAML/);
  });

  it("parses as YAML without a warning", () => {
    const document = parseDocument(stackFile(example, undefined, plan));
    assert.deepEqual([document.errors, document.warnings], [[], []]);
  });
});
