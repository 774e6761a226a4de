import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { removeBuilder } from "../../nix/cachectl/builders/register.ts";
import { readBuilders } from "../../nix/cachectl/builders/registry.ts";
import { revoke, type RevocationSources } from "../../nix/cachectl/revoke/revoke.ts";
import { TestServer } from "./receive-host.ts";
import { addToStore, greeting, signedUpload, signUpload, type Upload } from "./receive-protocol.ts";

const run = promisify(execFile);

describe("the revocation of a builder", function () {
  // Each path goes in by four programs, one after another.
  this.timeout(60_000);
  let server: TestServer;
  beforeEach(() => (server = new TestServer()));
  afterEach(() => server.remove());

  async function upload(who: "alpha" | "beta", what: Upload): Promise<void> {
    const { sshKey } = server[who];
    await server.call(sshKey, "announce", `${what.path}\n`);
    const { status, errors } = await server.call(
      sshKey,
      "nix-store --serve --write",
      Buffer.concat([greeting, addToStore(what)]),
    );
    assert.deepEqual([status, errors], [0, ""]);
    await server.call(sshKey, "commit", `${what.path}\n`);
    mkdirSync(join(server.folder, "nix-store-folder", basename(what.path)), { recursive: true });
  }

  const sources = (): RevocationSources => ({
    registry: { stateDirectory: server.state, config: server.config, restartNix: () => Promise.resolve() },
    rootsDirectory: server.roots,
    storeDirectory: join(server.folder, "nix-store-folder"),
    access: { program: server.program("nix-store"), environment: process.env, timeout: 10_000 },
    nixKeys: [],
    remove: async (paths) => {
      await run(server.program("nix-store"), ["--delete", ...paths]);
    },
  });
  const stored = (): string[] => Object.keys(JSON.parse(readFileSync(server.store, "utf8")) as object).sort();

  /** alpha's library, beta's program upon it, a path that both signed, one of beta alone. */
  async function fill(): Promise<{ library: Upload; program: Upload; both: Upload; other: Upload }> {
    const { alpha, beta } = server;
    const library = signedUpload(alpha.key, "library");
    const program = signedUpload(beta.key, "program", 100, [library.path]);
    const one = signedUpload(alpha.key, "both");
    const both = { ...one, signatures: [...(one.signatures ?? []), signUpload(beta.key, one)] };
    const other = signedUpload(beta.key, "other");
    await upload("alpha", library);
    await upload("beta", program);
    await upload("alpha", both);
    await upload("beta", other);
    return { library, program, both, other };
  }

  it("names in a dry run every path that only the builder signed, and what depends on it, and changes nothing", async () => {
    const { library, program } = await fill();
    const before = stored();
    const { paths, done, bytes } = await revoke("alpha", sources(), { dryRun: true, oldKeysOnly: false });
    assert.deepEqual(paths, [
      { path: program.path, narSize: program.nar.length, because: library.path },
      { path: library.path, narSize: library.nar.length, because: undefined },
    ]);
    assert.equal(bytes, program.nar.length + library.nar.length);
    assert.deepEqual([done, stored(), readBuilders(server.state).length], [undefined, before, 2]);
    assert.equal(server.rootsOf("uploads", "alpha").length, 2);
  });

  it("takes out the registration, the roots and the paths, what refers to a path before the path", async () => {
    const { both, other } = await fill();
    const { done } = await revoke("alpha", sources(), { dryRun: false, oldKeysOnly: false });
    assert.deepEqual([done?.deleted, done?.kept], [2, []]);
    assert.deepEqual(stored(), [both.path, other.path].sort());
    assert.deepEqual(
      [server.rootsOf("uploads", "alpha"), server.rootsOf("uploads", "beta")],
      [[], [basename(other.path)]],
    );
    assert.deepEqual(
      readBuilders(server.state).map(({ name }) => name),
      ["beta"],
    );
    assert.equal((await server.call(server.alpha.sshKey, "status")).status, 126);
  });

  it("finds what a builder signed after its registration is gone, and finishes what was left off", async () => {
    const { library, program } = await fill();
    await removeBuilder(sources().registry, "alpha");
    const { paths } = await revoke("alpha", sources(), { dryRun: false, oldKeysOnly: false });
    assert.deepEqual(
      paths.map(({ path }) => path),
      [program.path, library.path],
    );
    const again = await revoke("alpha", sources(), { dryRun: false, oldKeysOnly: false });
    assert.deepEqual([again.paths, again.done?.deleted], [[], 0]);
  });

  it("names what Nix would not delete and why, and deletes the rest", async () => {
    const { library, program } = await fill();
    writeFileSync(`${server.store}.pin`, "");
    const { done } = await revoke("alpha", sources(), { dryRun: false, oldKeysOnly: false });
    assert.ok(done !== undefined);
    assert.deepEqual(
      done.kept.map(({ path }) => path),
      [program.path, library.path],
    );
    assert.match(done.kept[0]?.reason ?? "", /still alive/);
  });

  it("leaves pins and what the server populated to whoever set them", async () => {
    const { library } = await fill();
    const pin = join(server.roots, "pins", "mine");
    mkdirSync(join(server.roots, "pins"), { recursive: true });
    symlinkSync(library.path, pin);
    await revoke("alpha", sources(), { dryRun: false, oldKeysOnly: false });
    assert.equal(readlinkSync(pin), library.path);
  });

  it("refuses a builder that was never here", async () => {
    mkdirSync(sources().storeDirectory);
    await assert.rejects(revoke("gamma", sources(), { dryRun: true, oldKeysOnly: false }), /never registered here/);
    await assert.rejects(revoke("alpha", sources(), { dryRun: true, oldKeysOnly: true }), /never changed its key/);
  });
});
