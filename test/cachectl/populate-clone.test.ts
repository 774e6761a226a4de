import assert from "node:assert/strict";
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nixOrSkip } from "../support/nix.ts";
import { noSshd, type Sshd, startSshd } from "../unit/lab-providers/sshd.ts";
import { PopulateWorld, removeWorlds, system } from "./populate-world.ts";

const greeting = `packages.${system}.greeting`;

describe("populate's clone", function () {
  this.timeout(180_000);
  let world: PopulateWorld;
  let clone: string;
  beforeEach(async function () {
    world = new PopulateWorld(await nixOrSkip(this));
    world.useFlake("good");
    world.lock();
    world.populate.outputs = [greeting];
    clone = join(world.state, "populate/source");
  });
  afterEach(removeWorlds);

  const head = (repository: string): string => world.git(repository, "rev-parse", "HEAD");

  it("is fetched and reset: what was changed in it is gone, also when the branch was rewritten", async () => {
    assert.equal((await world.call(["populate"])).status, 0);
    writeFileSync(join(clone, "flake.nix"), "not a flake");
    writeFileSync(join(clone, "stray"), "");
    world.git(world.repository, "commit", "--quiet", "--amend", "--message", "Another history");
    const { status, stdout } = await world.call(["populate"]);
    assert.equal(status, 0, stdout);
    assert.equal(head(clone), head(world.repository));
    assert.equal(world.git(clone, "status", "--porcelain"), "");
    assert.equal(existsSync(join(clone, "stray")), false);
  });

  it("follows the branch, or stays at the commit, that the reference names", async () => {
    const first = head(world.repository);
    world.git(world.repository, "checkout", "--quiet", "-b", "next");
    const second = world.write(world.repository, "README.md", "next");
    world.git(world.repository, "checkout", "--quiet", "main");
    const third = world.write(world.repository, "README.md", "main");
    for (const [parameter, commit] of [
      ["ref=next", second],
      [`rev=${first}`, first],
      ["ref=main", third],
    ]) {
      world.populate.flake = `git+file://${world.repository}?${parameter}`;
      const { status, stdout } = await world.call(["populate"]);
      assert.equal(status, 0, stdout);
      assert.equal(head(clone), commit);
      assert.equal(world.result().revision, commit?.slice(0, 8));
    }
  });

  it("that was cut off, or is another repository's, is made anew", async () => {
    assert.equal((await world.call(["populate"])).status, 0);
    mkdirSync(`${clone}.new/.git`, { recursive: true });
    renameSync(join(clone, ".git/HEAD"), join(clone, ".git/HEAD.lost"));
    assert.equal((await world.call(["populate"])).status, 0);
    assert.equal(head(clone), head(world.repository));
    world.git(world.folder, "clone", "--quiet", world.repository, "moved");
    world.populate.flake = `git+file://${join(world.folder, "moved")}`;
    assert.equal((await world.call(["populate"])).status, 0);
    assert.equal(world.git(clone, "config", "remote.origin.url"), `file://${join(world.folder, "moved")}`);
  });

  it("that can't be had fails the run, which says why, and keeps what the last one found", async () => {
    assert.equal((await world.call(["populate"])).status, 0);
    renameSync(world.repository, `${world.repository}.away`);
    const { status, stdout } = await world.call(["populate"]);
    assert.equal(status, 1);
    assert.match(stdout, /^ {2}problem +fetching HEAD of file:\/\/\S+repository: fatal: .*repository/m);
    assert.deepEqual(world.statuses(), { [greeting]: "built" });
    assert.equal(world.roots()[greeting]?.length, 1);
  });

  describe(`of a private repository (${noSshd() ?? "over ssh"})`, () => {
    let sshd: Sshd;
    before(async function () {
      if (noSshd() !== undefined) this.skip();
      sshd = await startSshd();
    });
    after(() => {
      if (noSshd() === undefined) sshd.stop();
    });
    beforeEach(() => {
      world.populate.flake = `git+ssh://${sshd.user}@127.0.0.1:${sshd.port}${world.repository}`;
      mkdirSync(join(world.state, "keys"));
      mkdirSync(join(world.state, "populate"));
    });
    const giveKey = (): void => {
      writeFileSync(join(world.state, "keys/deploy-key"), sshd.privateKey, { mode: 0o400 });
    };
    const giveHostKey = (): void => {
      writeFileSync(join(world.state, "populate/known_hosts"), `[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n`);
    };

    it("is made with the deploy key, from a host whose key is known", async () => {
      giveKey();
      giveHostKey();
      const { status, stdout } = await world.call(["populate"]);
      assert.equal(status, 0, stdout);
      assert.equal(head(clone), head(world.repository));
    });

    it("is refused without the key, saying what gives it", async () => {
      giveHostKey();
      const { status, stdout } = await world.call(["populate"]);
      assert.equal(status, 1);
      assert.match(stdout, /A private repository needs a deploy key: populate\.deployKeyFile/);
    });

    it("is not made from a host that nobody knows, saying where its key goes", async () => {
      giveKey();
      const { status, stdout } = await world.call(["populate"]);
      assert.equal(status, 1);
      assert.match(stdout, /Put the host's key into the system's known hosts/);
      assert.doesNotMatch(stdout, /PRIVATE KEY/);
    });
  });
});
