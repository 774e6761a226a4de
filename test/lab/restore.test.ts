/** The server's disk is lost, and its signing key comes back from an encrypted copy: docs/when-the-server-dies.md. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import type { OperationResult } from "./engine/operation.ts";
import { adoptVars, varsOf } from "./job/clients.ts";
import { replaceServer } from "./job/lost-server.ts";
import { mainJob } from "./job/main-job.ts";
import { secretsBelow, secretsIn, watchArguments, type Secrets } from "./job/secrets.ts";
import { stackScript } from "./job/stack-script.ts";
import { changed, mustSucceed } from "./job/told.ts";
import type { Ended } from "./machines/process.ts";
import { placeVars } from "./world/furnish.ts";
import { release, testWorld, type TestWorld } from "./world/test-world.ts";
import { pulumi } from "./world/world.ts";

const MINUTE = 60_000;
const KEY = "/var/lib/secrets/nix-binary-cache/server-cache-1.secret";

describe("a lost server and an encrypted copy of its key", function () {
  this.timeout(10 * MINUTE);
  let world: TestWorld;
  let folder = "";
  /** The stack's settings, with the recipient. */
  let settings: Record<string, unknown>;
  let first: OperationResult;
  let secrets: Secrets;
  /** All that was said, by the engine and by our programs. */
  const said: string[] = [];
  const inFolder = (name: string): string => join(folder, name);

  before("raise a lab of its own, and bring the stack up with a recipient", async () => {
    folder = mkdtempSync(join(tmpdir(), "escrow-"));
    const identity = await generateX25519Identity();
    writeFileSync(inFolder("identity"), `${identity}\n`);
    writeFileSync(inFolder("other"), `${await generateX25519Identity()}\n`);
    world = await testWorld();
    settings = { ...world.settings, signing: { escrow: [await identityToRecipient(identity)] } };
    first = mustSucceed(await run("up"));
    secrets = { "signing key": await world.machines.server.readFile(KEY), identity };
  });
  after("leave nothing behind", async () => {
    rmSync(folder, { recursive: true, force: true });
    await release(world);
  });

  async function run(operation: "up" | "preview"): Promise<OperationResult> {
    const result = await pulumi(world, operation, { settings, options: { diff: true } });
    said.push(result.stdout, result.stderr, result.message);
    return result;
  }

  async function script(name: string, ...args: readonly string[]): Promise<Ended> {
    const [ended, leaks] = await watchArguments(secrets, () => stackScript(world, name, ...args));
    assert.deepEqual(leaks, []);
    said.push(ended.stdout, ended.stderr);
    return ended;
  }

  const restore = (identity = "identity"): Promise<Ended> =>
    script("restore-key", "--from", inFolder("kept"), "--identity", inFolder(identity));

  it("the copy is kept as a file, and is made once: neither `up` nor the file changes the second time", async () => {
    const file = inFolder("kept/server-cache-1.age");
    const order = changed(first).filter((step) => /create (cache-deploy|key-escrow-)/.test(step));
    assert.deepEqual(order, ["create cache-deploy", "create key-escrow-server-cache-1"], "the deploy brings age");
    const wrote = await script("escrow", "--out", inFolder("kept"));
    assert.match(wrote.stdout, /^wrote \S+\/server-cache-1\.age$/m, wrote.stderr);
    const { ino } = statSync(file);
    await placeVars(world.machines.server, varsOf(first));
    await adoptVars(world, mustSucceed(await run("up")));
    const again = mustSucceed(await run("up"));
    assert.deepEqual(changed(again), []);
    assert.deepEqual(again.outputs.escrow, { value: { "server-cache-1": readFileSync(file, "utf8") }, secret: false });
    assert.match((await script("escrow", "--out", inFolder("kept"))).stdout, /^current: /);
    assert.equal(statSync(file).ino, ino);
  });

  it("another identity opens nothing, and a key that is in the way stays: each one line, with what to do", async () => {
    const { server } = world.machines;
    settings = { ...settings, server: await replaceServer(world) };
    mustSucceed(await run("preview"));
    const wrong = await restore("other");
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /^restore-key: \S+server-cache-1\.age: \S+\/other does not open it \(.+\)\n$/);
    assert.notEqual((await server.run(["test", "-e", KEY])).code, 0);

    await server.must(["mkdir", "-p", KEY.replace(/\/[^/]*$/, "")]);
    const make = ["nix-store", "--generate-binary-cache-key", "server-cache-1", KEY, "/tmp/public"];
    await server.must(make);
    const refused = await restore();
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /^restore-key: .*another key is in place: .*move it away there \(mv \S+ \S+\.other\).*\n$/,
    );
    await server.must(["mv", KEY, `${KEY}.other`]);
  });

  it("the key comes back as it was, and the next `up` takes it up", async () => {
    const { server } = world.machines;
    const back = await restore();
    assert.equal(back.code, 0, back.stderr);
    assert.match(back.stdout, /^server-cache-1:\S+: put back on the server\nnext: pulumi up --stack lab\n$/);
    assert.equal(await server.readFile(KEY), secrets["signing key"]);
    assert.equal((await server.must(["stat", "--format", "%a %U", KEY])).stdout.trim(), "400 root");
    assert.match((await restore()).stdout, /on the server already; nothing to do/);
    const again = mustSucceed(await run("up"));
    assert.deepEqual(again.outputs.publicKeys, first.outputs.publicKeys);
    assert.deepEqual(changed(mustSucceed(await run("up"))), []);
  });

  it("the desktop, which was told nothing, substitutes at once", async () => {
    const job = await mainJob(world, varsOf(first).cache.url);
    assert.ok(job.substituted, job.fetched.log);
  });

  it("nothing secret stands in the state, in what was said, or in the copy", () => {
    assert.deepEqual(secretsBelow(join(world.instance.dir, "pulumi"), secrets), []);
    assert.deepEqual(secretsBelow(inFolder("kept"), secrets), []);
    assert.deepEqual(secretsIn(said.join("\n"), secrets), []);
  });
});
