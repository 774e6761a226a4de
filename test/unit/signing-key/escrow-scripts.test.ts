/** What runs on the server: a copy of a key goes out encrypted, and a key comes back where there is no other. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeNixKey } from "../../../components/ci-publisher/make-keys.ts";
import { nixPublicKey } from "../../../components/ci-publisher/public-keys.ts";
import { nixOrSkip } from "../../support/nix.ts";

const double = join(import.meta.dirname, "age-double");
const recipients = [`age1${"q".repeat(58)}`, `ssh-ed25519 ${"A".repeat(68)}`];

describe("a signing key on the server", () => {
  let folder = "";
  let nix = "";
  const [mine, other] = [makeNixKey("server-cache-1"), makeNixKey("server-cache-1")];
  const secret = (): string => join(folder, "server-cache-1.secret");

  before(async function () {
    nix = await nixOrSkip(this);
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "signing-key-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const system = "/usr/bin:/bin";
  const escrow = (publicKey: string, path = `${double}:${nix}:${system}`) =>
    spawnSync("/bin/sh", ["-s", "--", folder, publicKey, ...recipients], {
      input: readFileSync("components/signing-key/escrow.sh", "utf8"),
      env: { PATH: path, AGE_ARGUMENTS: join(folder, "arguments") },
      encoding: "utf8",
    });
  const restore = (publicKey: string, input: string) =>
    spawnSync(
      "/bin/sh",
      ["-c", readFileSync("components/signing-key/restore.sh", "utf8"), "restore.sh", folder, publicKey],
      {
        input,
        env: { PATH: `${nix}:${system}` },
        encoding: "utf8",
      },
    );

  it("is encrypted to every recipient, and comes out in no other way", () => {
    writeFileSync(secret(), mine, { mode: 0o400 });
    const { status, stdout, stderr } = escrow(nixPublicKey(mine));
    assert.equal(status, 0, stderr);
    const sum = execFileSync("cksum", { input: mine, encoding: "utf8" }).replaceAll(" ", "");
    assert.equal(stdout, `-----BEGIN AGE ENCRYPTED FILE-----\n${sum}-----END AGE ENCRYPTED FILE-----\n`);
    const told = readFileSync(join(folder, "arguments"), "utf8");
    assert.equal(told, `--encrypt --armor ${recipients.map((recipient) => `--recipient ${recipient}`).join(" ")}\n`);
    assert.ok(!`${stderr}${told}`.includes(mine.split(":")[1] ?? ""));
  });

  it("is not encrypted without age, without the key, or when it is another one: one line says what to do", () => {
    writeFileSync(secret(), mine);
    // This host may have an age of its own.
    symlinkSync(execFileSync("which", ["hostname"], { encoding: "utf8" }).trim(), join(folder, "hostname"));
    const absent = escrow(nixPublicKey(mine), folder);
    assert.match(
      absent.stderr,
      /^age: not found on .*nix flake update nix-binary-cache.*or take signing\.escrow out\.\n$/,
    );
    const wrong = escrow(nixPublicKey(other));
    assert.match(wrong.stderr, /is the key server-cache-1:\S+; the stack knows server-cache-1:\S+\. Put that one back/);
    const gone = escrow(nixPublicKey(makeNixKey("server-cache-9")));
    assert.match(gone.stderr, /server-cache-9\.secret: not there on .*Run pulumi up again/);
    assert.deepEqual(
      [absent, wrong, gone].map(({ status, stdout }) => [status, stdout]),
      [
        [1, ""],
        [1, ""],
        [1, ""],
      ],
    );
  });

  it("is put in its place, root's alone, and is left there the second time", () => {
    const first = restore(nixPublicKey(mine), mine);
    assert.deepEqual([first.status, first.stdout], [0, "restored\n"], first.stderr);
    assert.equal(readFileSync(secret(), "utf8"), mine);
    assert.equal(statSync(secret()).mode & 0o777, 0o400);
    const second = restore(nixPublicKey(mine), `${mine}\n`);
    assert.deepEqual([second.status, second.stdout], [0, "present\n"], second.stderr);
    assert.equal(readFileSync(secret(), "utf8"), mine);
    assert.deepEqual(readdirSync(folder), ["server-cache-1.secret"]);
  });

  it("takes no other key's place, and is not put there cut off", () => {
    assert.equal(restore(nixPublicKey(mine), mine.slice(0, 60)).status, 5);
    assert.equal(restore(nixPublicKey(mine), "").status, 5);
    assert.deepEqual(readdirSync(folder), []);
    writeFileSync(secret(), other, { mode: 0o400 });
    const { status, stderr } = restore(nixPublicKey(mine), mine);
    assert.deepEqual([status, stderr], [4, `${nixPublicKey(other)}\n`]);
    writeFileSync(`${secret()}.new`, "no key");
    execFileSync("mv", [`${secret()}.new`, secret()]);
    assert.equal(restore(nixPublicKey(mine), mine).status, 4);
    assert.deepEqual(readdirSync(folder), ["server-cache-1.secret"]);
  });
});
