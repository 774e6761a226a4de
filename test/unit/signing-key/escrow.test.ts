/** Encrypted copies of signing keys: kept as files, and opened by their owner's identity. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { armor, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { stackSchema } from "../../../components/config.ts";
import { checkCopy } from "../../../components/signing-key/escrow.ts";
import { keepCopies, readCopies } from "../../../scripts/escrow/copies.ts";
import { decrypt } from "../../../scripts/escrow/decrypt.ts";

async function encrypted(text: string, identity: string): Promise<string> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(await identityToRecipient(identity));
  return armor.encode(await encrypter.encrypt(text));
}

describe("a copy of a signing key", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "escrow-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  it("is opened by its owner's identity, as age-keygen writes it, and by no other: one line, nothing secret in it", async () => {
    const [mine, other] = [await generateX25519Identity(), await generateX25519Identity()];
    const text = await encrypted("server-cache-1:SECRET", mine);
    const copy = { name: "server-cache-1", file: "/keep/server-cache-1.age", text };
    const identity = file("identity", `# created: today\n# public key: age1…\n${mine}\n`);
    assert.equal(await decrypt(copy, identity), "server-cache-1:SECRET");
    const wrong = await refused(decrypt(copy, file("other", other)));
    assert.match(wrong, /^\/keep\/server-cache-1\.age: \S+\/other does not open it \(no identity matched/);
    assert.match(await refused(decrypt({ ...copy, text: text.slice(0, 200) }, identity)), /is no armored file of age/);
    assert.match(await refused(decrypt(copy, file("cut", mine.slice(0, 60)))), /cut off or mistyped/);
    assert.match(await refused(decrypt(copy, join(folder, "none"))), /^--identity: \S+ can't be read \(ENOENT\)$/);
  });

  it("with an identity that age's own library can't read, needs the program age; with a passphrase on it, says what to do", async () => {
    const copy = { name: "a", file: "a.age", text: await encrypted("x", await generateX25519Identity()) };
    const path = process.env.PATH;
    process.env.PATH = folder;
    try {
      const ssh = file("id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\n");
      assert.match(
        await refused(decrypt(copy, ssh)),
        /holds no AGE-SECRET-KEY-1…\. For an ssh key .* install the program age/,
      );
    } finally {
      process.env.PATH = path;
    }
    const locked = file("locked", "age-encryption.org/v1\n-> scrypt");
    assert.match(await refused(decrypt(copy, locked)), /has a passphrase\. Decrypt it to a file in memory first/);
  });

  it("is kept as a file, root's alone, and written again only when the stack has another text", () => {
    const kept = join(folder, "kept");
    assert.deepEqual(
      keepCopies(kept, { "a-1": "one", "a-2": "two" }).map(({ written }) => written),
      [true, true],
    );
    const before = statSync(join(kept, "a-1.age"));
    assert.equal(before.mode & 0o777, 0o600);
    assert.deepEqual(
      keepCopies(kept, { "a-1": "one", "a-2": "new" }).map(({ written }) => written),
      [false, true],
    );
    assert.equal(statSync(join(kept, "a-1.age")).ino, before.ino);
    assert.equal(readFileSync(join(kept, "a-2.age"), "utf8"), "new");
    assert.deepEqual(readdirSync(kept), ["a-1.age", "a-2.age"]);
    assert.throws(() => keepCopies(kept, { "../a": "x" }), /has a key "\.\.\/a"/);
  });

  it("is found in a folder by the names of the stack's keys, or is the file itself", () => {
    keepCopies(folder, { "a-1": "one", "b-1": "two" });
    assert.deepEqual(
      readCopies(folder, ["a-1", "a-2"]).map(({ name }) => name),
      ["a-1"],
    );
    assert.deepEqual(
      readCopies(join(folder, "b-1.age"), ["a-1"]).map(({ text }) => text),
      ["two"],
    );
    assert.throws(() => readCopies(folder, ["c-1"]), /has a-1\.age, b-1\.age; expected c-1\.age$/);
    assert.throws(() => readCopies(join(folder, "none"), ["c-1"]), /^Error: --from: there is no /);
  });

  it("of a server is taken whole or not at all", () => {
    const whole = "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----";
    assert.equal(checkCopy(whole), `${whole}\n`);
    assert.equal(checkCopy(`${whole}\n`), `${whole}\n`);
    for (const text of ["", "server-cache-1:SECRET", `Welcome!\n${whole}`, whole.slice(0, 60)])
      assert.throws(
        () => checkCopy(text),
        (error: Error) => !error.message.includes("SECRET") && error.message.includes("no armored file of age"),
      );
  });

  it("is for recipients that the server's age knows", async () => {
    const recipient = await identityToRecipient(await generateX25519Identity());
    const signing = stackSchema.shape.signing;
    const good = [recipient, `ssh-ed25519 ${"A".repeat(68)} alice@laptop`];
    assert.deepEqual(signing.parse({ escrow: good }).escrow, good);
    assert.deepEqual(signing.parse({}).escrow, []);
    for (const bad of [
      recipient.slice(0, -1),
      "AGE-SECRET-KEY-1QQ",
      "ssh-rsa AAAA",
      "age1yubikey1qqq",
      `${recipient} -o /etc/x`,
    ])
      assert.equal(signing.safeParse({ escrow: [bad] }).success, false, bad);
  });
});

async function refused(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => assert.fail("was not refused"),
    (reason: unknown) => reason as Error,
  );
  assert.ok(!/SECRET-KEY-1[0-9A-Z]|SECRET$/.test(error.message), error.message);
  assert.ok(!error.message.includes("\n"), error.message);
  return error.message;
}
