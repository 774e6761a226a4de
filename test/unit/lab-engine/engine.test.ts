import assert from "node:assert/strict";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { operationEnvironment, engineFolders } from "../../lab/engine/environment.ts";
import { findEngine } from "../../lab/engine/find.ts";
import { isAlive, withLock } from "../../lab/engine/lock.ts";
import { operate, type OperateRequest } from "../../lab/engine/operate.ts";
import { isAtLeast } from "../../lab/engine/version.ts";

const folder = mkdtempSync(join(tmpdir(), "engine-"));
after(() => rmSync(folder, { recursive: true }));

/** A program that says it is this version of Pulumi. */
function fakeEngine(version: string): string {
  const path = join(mkdtempSync(join(folder, "bin-")), "pulumi");
  writeFileSync(path, `#!/bin/sh\necho v${version}\n`);
  chmodSync(path, 0o755);
  return path;
}

async function withEnvironment<T>(changes: Record<string, string>, work: () => Promise<T>): Promise<T> {
  const before = { ...process.env };
  Object.assign(process.env, changes);
  try {
    return await work();
  } finally {
    process.env = before;
  }
}

const REQUEST: OperateRequest = {
  instance: { dir: join(folder, "instance") },
  stack: "lab",
  operation: "preview",
  config: {},
  env: {},
  passphrase: "p",
  onLine: () => undefined,
};

describe("finding the engine", () => {
  it("compares versions by number", () => {
    assert.ok(isAtLeast("3.230.0", "3.230.0") && isAtLeast("3.1000.0", "3.230.0") && isAtLeast("4.0.0", "3.230.0"));
    assert.ok(!isAtLeast("3.229.9", "3.230.0") && !isAtLeast("2.999.0", "3.230.0"));
  });

  it("takes the one on PATH", async () => {
    const path = fakeEngine("3.240.1");
    const PATH = `${join(path, "..")}:${process.env.PATH ?? ""}`;
    const found = await withEnvironment({ PATH }, () => findEngine(() => undefined));
    assert.deepEqual(found, { path, version: "3.240.1", source: "PATH" });
  });

  it("says that the one on PATH is too old, and passes it over for the cached one", async () => {
    const lines: string[] = [];
    const cached = fakeEngine("3.259.0");
    const cache = join(folder, "cache");

    mkdirSync(join(cache, "nix-binary-cache/pulumi-v3.259.0/bin"), { recursive: true });
    copyFileSync(cached, join(cache, "nix-binary-cache/pulumi-v3.259.0/bin/pulumi"));
    const PATH = `${join(fakeEngine("3.100.0"), "..")}:/usr/bin:/bin`;
    const found = await withEnvironment({ PATH, XDG_CACHE_HOME: cache }, () => findEngine((line) => lines.push(line)));
    assert.equal(found.source, "cache");
    assert.match(lines.join("\n"), /is Pulumi 3\.100\.0, too old: 3\.230\.0 or newer is needed/);
  });
});

describe("an operation", () => {
  it("without a passphrase fails before anything is made, and says what to set", async () => {
    const result = await operate({ ...REQUEST, passphrase: undefined });
    assert.equal(result.ok, false);
    assert.match(result.message, /PULUMI_CONFIG_PASSPHRASE/);
    assert.ok(!existsSync(REQUEST.instance.dir));
  });

  it("with an engine that is too old or absent says so", async () => {
    assert.match((await operate({ ...REQUEST, engine: fakeEngine("3.10.0") })).message, /3\.10\.0, too old/);
    assert.match((await operate({ ...REQUEST, engine: "/nowhere/pulumi" })).message, /no Pulumi engine at \/nowhere/);
  });

  it("sees nothing of the credentials that happen to be set", async () => {
    const ambient = {
      GITHUB_TOKEN: "a",
      TAILSCALE_API_KEY: "b",
      OAUTH_CLIENT_ID: "c",
      IDENTITY_TOKEN: "d",
      SSH_AUTH_SOCK: "e",
    };
    const env = await withEnvironment(ambient, () =>
      Promise.resolve(operationEnvironment(engineFolders("/i"), "/e/bin/pulumi", "p", { GITHUB_TOKEN: "given" })),
    );
    assert.equal(env.GITHUB_TOKEN, "given");
    for (const name of Object.keys(ambient).slice(1)) assert.equal(env[name], undefined);
  });
});

describe("a lock between processes", () => {
  it("is taken over from a process that is gone, and given back", async () => {
    const path = join(folder, "lock");
    writeFileSync(path, "4194305");
    assert.ok(!isAlive(4194305));
    assert.equal(
      await withLock(
        path,
        "work",
        () => undefined,
        () => Promise.resolve(1),
      ),
      1,
    );
    assert.ok(!existsSync(path));
  });
});
