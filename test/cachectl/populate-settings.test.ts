import assert from "node:assert/strict";
import { readPopulateSettings } from "../../nix/cachectl/populate/settings.ts";
import { flakeSource } from "../../nix/cachectl/populate/source.ts";

const server = { name: "server", flake: "github:ada/nixos-config" };
const key = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";

describe("populate's settings", () => {
  it("have a default for everything but the flake", () => {
    assert.deepEqual(readPopulateSettings({ server }), {
      enabled: true,
      host: "server",
      flake: "github:ada/nixos-config",
      outputs: undefined,
      lock: "committed",
      timeoutSeconds: 7200,
      memoryBytes: 8 * 1024 ** 3,
      keepSystems: 5,
      keepPackages: 3,
      upstreams: [],
    });
  });

  it("say what the configuration says", () => {
    const populate = {
      enabled: false,
      flake: "git+ssh://git@host/repo",
      outputs: ["packages.x86_64-linux.a"],
      lock: "update",
      ...{ timeoutMinutes: 0.5, memoryMax: "512MiB" },
    };
    const upstreams = [{ url: "https://cache.nixos.org", publicKey: key }];
    const retention = { keepSystems: 2, keepPackages: 1 };
    assert.deepEqual(readPopulateSettings({ server, populate, retention, cache: { upstreams } }), {
      enabled: false,
      host: "server",
      flake: "git+ssh://git@host/repo",
      outputs: ["packages.x86_64-linux.a"],
      lock: "update",
      timeoutSeconds: 30,
      memoryBytes: 512 * 1024 ** 2,
      keepSystems: 2,
      keepPackages: 1,
      upstreams: [{ url: "https://cache.nixos.org", keyName: "cache.nixos.org-1" }],
    });
  });

  const wrong: readonly (readonly [string, object, RegExp])[] = [
    ["no flake", { server: { name: "server" } }, /populate\.flake \(or server\.flake\).* is not there/],
    ["a flake with an output", { populate: { flake: ".#x" } }, /populate\.flake .*".#x"/],
    [
      "a lock mode",
      { populate: { lock: "newest" } },
      /populate\.lock .*"newest".*committed, update, update-and-commit/,
    ],
    ["a time of nothing", { populate: { timeoutMinutes: 0 } }, /populate\.timeoutMinutes .* is 0/],
    ["a size without a meaning", { populate: { memoryMax: "lots" } }, /populate\.memoryMax .*"lots"/],
    ["outputs that are no list", { populate: { outputs: "all" } }, /populate\.outputs .*"all".*"discover"/],
    ["an output that is none", { populate: { outputs: ["a..b"] } }, /"a\.\.b" is no attribute path/],
    ["an upstream without a key", { cache: { upstreams: [{ url: "https://x" }] } }, /cache\.upstreams .*publicKey/],
  ];
  for (const [what, config, message] of wrong) {
    it(`are refused with ${what}, by name`, () => {
      assert.throws(() => readPopulateSettings({ server, ...config }), { message });
    });
  }
});

describe("a flake's source", () => {
  const plain = { kind: "git", ref: undefined, rev: undefined, dir: "", submodules: false };

  it("on a forge is cloned over https, and with a deploy key over ssh", () => {
    const https = { ...plain, url: "https://github.com/ada/nixos-config.git" };
    assert.deepEqual(flakeSource("github:ada/nixos-config", false), https);
    const ssh = { ...plain, url: "ssh://git@github.com/ada/nixos-config.git" };
    assert.deepEqual(flakeSource("github:ada/nixos-config", true), ssh);
  });

  it("names a branch, a commit, a folder and submodules", () => {
    const commit = "0123456789abcdef0123456789abcdef01234567";
    const url = "https://gitlab.com/ada/config.git";
    assert.deepEqual(flakeSource("gitlab:ada/config/release/24", false), { ...plain, url, ref: "release/24" });
    assert.deepEqual(flakeSource(`gitlab:ada/config/${commit}?dir=nix`, false), {
      ...plain,
      ...{ url, rev: commit, dir: "nix" },
    });
    assert.deepEqual(flakeSource(`git+ssh://git@host/r?ref=main&submodules=1`, false), {
      ...plain,
      ...{ url: "ssh://git@host/r", ref: "main", submodules: true },
    });
  });

  it("that is no repository is left to Nix", () => {
    for (const reference of ["/etc/nixos", "path:/etc/nixos", "https://host/flake.tar.gz", "nixpkgs"]) {
      assert.deepEqual(flakeSource(reference, true), { kind: "plain", reference });
    }
  });
});
