/** The command double, over a real ssh server. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copyToRemote } from "../../lab/providers/command/copy-to-remote.ts";
import { localCommand } from "../../lab/providers/command/local-command.ts";
import { remoteCommand } from "../../lab/providers/command/remote-command.ts";
import type { Operation } from "../../lab/providers/shared/double.ts";
import type { Bag } from "../../lab/providers/shared/wire.ts";
import { noSshd, startSshd, type Sshd } from "./sshd.ts";

const said: string[] = [];

function operation(signal: AbortSignal = AbortSignal.timeout(20_000)): Operation {
  return { urn: "urn:pulumi:lab::p::t::made", name: "made", signal, log: (_severity, line) => said.push(line) };
}

describe("the double of remote.Command", function () {
  this.timeout(30_000);
  const double = remoteCommand();
  let sshd: Sshd;
  let connection: Bag;

  before(`needs an OpenSSH server (${noSshd() ?? "there is one"})`, async function () {
    if (noSshd() !== undefined) {
      this.skip();
      return;
    }
    sshd = await startSshd();
    const { port, user, privateKey, hostKey } = sshd;
    connection = { host: "127.0.0.1", port, user, privateKey, hostKey, perDialTimeout: 5, dialErrorLimit: 1 };
  });
  after(() => (sshd as Sshd | undefined)?.stop());

  const create = async (inputs: Bag): Promise<Bag> =>
    (await double.create({ connection, ...inputs }, operation())).state;

  it("runs create with the given standard input, and trims one newline", async () => {
    const state = await create({ create: "cat; echo two >&2; echo", stdin: "one\n" });
    assert.deepEqual(state, { stdout: "one\n", stderr: "two" });
  });

  it("runs create again on a change where there is no update", async () => {
    const state = await double.update("id", {}, { connection, create: "echo again" }, operation());
    assert.equal(state.stdout, "again");
    const updated = await double.update("id", {}, { connection, create: "echo c", update: "echo u" }, operation());
    assert.equal(updated.stdout, "u");
  });

  it("gives the variables that the server accepts and refuses the others", async () => {
    assert.equal((await create({ create: "echo $GREETING", environment: { GREETING: "hi" } })).stdout, "hi");
    await assert.rejects(create({ create: "true", environment: { OTHER: "x" } }), /"OTHER".*AcceptEnv/);
  });

  it("warns where the server does not take the previous output, unless told not to send it", async () => {
    said.length = 0;
    const inputs = { connection, create: "true" };
    await double.update("id", { stdout: "before" }, { ...inputs, addPreviousOutputInEnv: false }, operation());
    assert.deepEqual(said, []);
    await double.update("id", { stdout: "before" }, inputs, operation());
    assert.match(said.join("\n"), /^Unable to set 'PULUMI_COMMAND_STDOUT'\. .* AcceptEnv/s);
  });

  it("says the command and all its output when it fails, and keeps nothing of the key on disk", async () => {
    const failure =
      /^Error: Process exited with status 3: running "echo out; echo err >&2; exit 3":\n(out\nerr|err\nout)\n$/;
    const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith("lab-command-"));
    const before = folders();
    await assert.rejects(create({ create: "echo out; echo err >&2; exit 3" }), failure);
    assert.deepEqual(folders(), before);
  });

  it("does not take an exit status of 255 for a failed connection", async () => {
    await assert.rejects(create({ create: "exit 255" }), /Process exited with status 255/);
  });

  it("refuses another host key, after the retries it was told", async () => {
    const other = `${sshd.hostKey.slice(0, -4)}AAAA`;
    const wrong = create({ connection: { ...connection, hostKey: other }, create: "true" });
    await assert.rejects(wrong, /after 1 failed attempts: ssh: handshake failed: ssh: host key mismatch/);
  });

  it("names the address when nobody listens, and when the key is not let in", async () => {
    const closed = create({ connection: { ...connection, port: 1, dialErrorLimit: 0 }, create: "true" });
    await assert.rejects(closed, /dial tcp 127\.0\.0\.1:1: .*refused/i);
    const nobody = create({ connection: { ...connection, user: "nobody", dialErrorLimit: 0 }, create: "true" });
    await assert.rejects(nobody, /unable to authenticate/);
  });

  it("logs the streams that it is told to, none when told so", async () => {
    said.length = 0;
    await create({ create: "echo a; echo b >&2", logging: "stdout" });
    assert.deepEqual(said, ["a"]);
    said.length = 0;
    await create({ create: "echo a", logging: "none" });
    assert.deepEqual(said, []);
  });

  it("deletes with the state's connection", async () => {
    const mark = join(sshd.folder, "deleted");
    await double.delete?.("id", { connection, delete: `touch '${mark}'` }, operation());
    assert.ok(existsSync(mark));
  });

  it("stops when the engine cancels", async () => {
    await assert.rejects(double.create({ connection, create: "sleep 20" }, operation(AbortSignal.timeout(500))));
  });

  it("copies a text to a path whose folders are not there yet, and again only when it changed", async () => {
    const copy = copyToRemote();
    const remotePath = join(sshd.folder, "deep/er/file");
    const inputs = { connection, remotePath, source: { text: "content\n", hash: "1" } };
    await copy.create(inputs, operation());
    assert.equal(readFileSync(remotePath, "utf8"), "content\n");
    await copy.update("id", inputs, { ...inputs, source: { text: "not copied", hash: "1" } }, operation());
    assert.equal(readFileSync(remotePath, "utf8"), "content\n");
    await copy.update("id", inputs, { ...inputs, source: { text: "new", hash: "2" } }, operation());
    assert.equal(readFileSync(remotePath, "utf8"), "new");
  });
});

describe("the double of local.Command", () => {
  it("runs in sh with folder, environment and the output of the last run", async () => {
    const inputs = { create: "pwd; echo $A $PULUMI_COMMAND_STDOUT", dir: "/", environment: { A: "b" } };
    const state = await localCommand().update("id", { stdout: "before" }, inputs, operation());
    assert.equal(state.stdout, "/\nb before");
  });

  it("takes another interpreter", async () => {
    const { state } = await localCommand().create({ create: "0", interpreter: ["/bin/echo", "-n"] }, operation());
    assert.equal(state.stdout, "0");
  });
});
