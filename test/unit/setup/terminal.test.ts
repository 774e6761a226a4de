import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { createInterface } from "node:readline/promises";
import { afterEach, describe, it } from "mocha";
import type { Given } from "../../../scripts/setup/answers.ts";
import { type Asker, terminal } from "../../../scripts/setup/asker.ts";
import type { Device } from "../../../scripts/setup/devices.ts";
import { fingerprint } from "../../../scripts/setup/host-key.ts";
import type { Sources } from "../../../scripts/setup/context.ts";
import { interview } from "../../../scripts/setup/interview.ts";

const hostKey = `ssh-ed25519 ${"A".repeat(68)}`;

const device = (name: string, address: string, os: string): Device => ({
  name,
  address,
  os,
  user: "alice@example.com",
  tags: [],
  tailscaleSsh: false,
});

const sources: Sources = {
  oauthClient: true,
  devices: [device("macbook", "100.64.0.30", "macOS"), device("server", "100.64.0.10", "linux")],
  flakeOutputs: () => Promise.resolve({ nixos: ["server"], darwin: ["macbook"] }),
  scanHostKey: () => Promise.resolve({ key: hostKey, fingerprint: fingerprint(hostKey) }),
};

const given: Given = {
  values: {},
  machines: {},
  trustHostKeys: false,
  overwrite: false,
  noPreview: true,
  noInput: false,
};

describe("setup at a terminal", () => {
  let close = (): void => undefined;
  afterEach(() => {
    close();
  });

  /** A person (a double) who types the next line whenever a prompt comes. */
  function person(...typed: readonly string[]): { asker: Asker; seen: () => string } {
    const [input, output] = [new PassThrough(), new PassThrough()];
    let seen = "";
    const left = [...typed];
    output.on("data", (chunk: Buffer) => {
      if (chunk.toString() === "> ") input.write(`${left.shift() ?? assert.fail(`one question too many:\n${seen}`)}\n`);
    });
    const lines = createInterface({ input, output });
    close = () => {
      lines.close();
      assert.deepEqual(left, [], "questions that were not asked");
    };
    return { asker: terminal(lines, (text) => (seen += text)), seen: () => seen };
  }

  it("takes offers by their numbers, defaults by nothing, and asks again where an answer is none", async () => {
    const { asker, seen } = person(
      ...["2", "", "telnet", "", "0", "", "yes"], // the server, its address, a wrong ssh, a wrong port, the host key
      ...["", "bad flake", "github:alice/nixos-config", "", ""], // no flake, a bad one, a good one; configuration, system
      ...["1", "", "", "yes"], // the macbook: ssh; its system, address, host key
      ...["lots", "50GiB", "#x", "", "alice", "1"], // the budget; outputs; the test's user
      ...["alice", "1", "x", "", "a b", ""], // ci: the flake's repository; how it joins; what it builds
      ...["", "tag:nix-infra"], // who may assign the tags
    );
    const plan = await interview({ asker, given, before: { values: {}, machines: {} }, sources });
    assert.deepEqual(plan, {
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
      leftOut: [],
      machines: [
        {
          name: "macbook",
          role: "ssh",
          system: "aarch64-darwin",
          address: "100.64.0.30",
          hostKey,
          sshKey: undefined,
          signingKey: undefined,
        },
      ],
      diskBudget: "50GiB",
      outputs: "discover",
      testUser: "alice@example.com",
      ci: {
        repository: "alice/nixos-config",
        auth: "workload-identity",
        outputs: ["darwinConfigurations.macbook.system"],
      },
      owners: ["tag:nix-infra"],
    });
    assert.match(seen(), /expected a size such as 100GiB/);
    assert.match(seen(), /an answer is needed/);
    assert.ok(seen().includes(fingerprint(hostKey)));
  });

  it("ends with a reason when the input does", async () => {
    const input = new PassThrough();
    const lines = createInterface({ input, output: new PassThrough() });
    const waiting = terminal(lines, () => undefined).ask({ flag: "--x", text: "What?" });
    input.end();
    await assert.rejects(waiting, /input ended/);
  });

  it("takes the true host key instead of the one that the network shows", async () => {
    const truth = `ssh-ed25519 ${"C".repeat(68)}`;
    const values = { server: "server", flake: "github:a/b", "server-address": "100.64.0.10", "server-ssh": "openssh" };
    const rest = { "ssh-port": "22", configuration: "server", "server-system": "x86_64-linux", "disk-budget": "9GiB" };
    const { asker } = person("no", truth, "", "");
    const all = { ...given, values: { ...values, ...rest, outputs: "discover", "test-user": "none", ci: "none" } };
    const plan = await interview({ asker, given: all, before: { values: {}, machines: {} }, sources });
    assert.equal(plan?.server.hostKey, truth);
    assert.deepEqual([plan.machines, plan.leftOut], [[], ["macbook"]]);
  });
});
