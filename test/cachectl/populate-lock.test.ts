import assert from "node:assert/strict";
import { join } from "node:path";
import { nixOrSkip } from "../support/nix.ts";
import { PopulateWorld, removeWorlds, system } from "./populate-world.ts";

const greeting = `packages.${system}.greeting`;
const branch = "nix-binary-cache/update-lock";

describe("populate's lock", function () {
  this.timeout(180_000);
  let world: PopulateWorld;
  let head: string;
  beforeEach(async function () {
    world = new PopulateWorld(await nixOrSkip(this));
    world.useFlake("good");
    world.lock();
    world.populate.outputs = [greeting];
    head = world.git(world.repository, "rev-parse", "HEAD");
    world.write(world.words, "words", "two\n");
  });
  afterEach(removeWorlds);

  const tip = (): string => world.git(world.repository, "rev-parse", "--verify", branch);
  const branches = (): string[] =>
    world.git(world.repository, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads").split("\n");
  const said = (name: string): string => {
    const paths = world.result().outputs.filter(({ output }) => output === name);
    return paths.map(({ paths: [path = ""] = [] }) => world.read(path)).join("");
  };

  it("that is committed is what is built, whatever its inputs have become", async () => {
    world.populate.lock = "committed";
    assert.equal((await world.call(["populate"])).status, 0);
    assert.deepEqual(world.statuses(), { [greeting]: "built" });
    assert.equal(said(greeting), "one\n");
  });

  it("that is updated is built besides, and nothing is committed", async () => {
    world.populate.lock = "update";
    const { status, stdout } = await world.call(["populate"]);
    assert.equal(status, 0, stdout);
    assert.deepEqual(world.statuses(), { [greeting]: "built", [`${greeting} +`]: "built" });
    assert.equal(said(greeting), "one\ntwo\n");
    assert.match(stdout, /^ {2}built +packages\.\S+\.greeting \(updated lock\) /m);
    assert.deepEqual(branches(), [`main ${head}`]);
    assert.equal(world.roots()[greeting]?.length, 2);
    // Nothing moved since: neither is built again, nor costs more than the update.
    assert.equal((await world.call(["populate"])).status, 0);
    assert.deepEqual(world.statuses(), { [greeting]: "unchanged", [`${greeting} +`]: "unchanged" });
  });

  it("that has nothing to update is built once", async () => {
    world.populate.lock = "update";
    world.lock();
    assert.equal((await world.call(["populate"])).status, 0);
    assert.deepEqual(world.statuses(), { [greeting]: "built" });
  });

  it("is never committed by root", async function () {
    if (process.getuid?.() !== 0) this.skip();
    world.populate.lock = "update-and-commit";
    const { status, stdout } = await world.call(["populate"]);
    assert.equal(status, 1);
    assert.match(stdout, /root does not commit: run populate as its own user, or set populate\.lock to update/);
    assert.deepEqual(world.statuses(), { [greeting]: "built", [`${greeting} +`]: "built" });
    assert.deepEqual(branches(), [`main ${head}`]);
  });

  describe("that is to be committed", () => {
    beforeEach(() => {
      world.populate.lock = "update-and-commit";
    });

    it("goes to a branch of its own, on top of what was built, with the lock alone and how the builds went", async () => {
      const { status, stdout } = await world.callAsNobody(["populate"]);
      assert.equal(status, 0, stdout);
      assert.deepEqual(branches(), [`main ${head}`, `${branch} ${tip()}`]);
      assert.equal(world.git(world.repository, "rev-parse", `${branch}^`), head);
      assert.equal(world.git(world.repository, "diff", "--name-only", head, branch), "flake.lock");
      const message = world.git(world.repository, "log", "-1", "--format=%cn%n%B", branch);
      assert.equal(message, "nix-binary-cache\nflake.lock: update\n\n1 of 1 outputs build with it.");
      assert.deepEqual(world.result().pushed, { branch, commit: tip() });
      assert.match(stdout, new RegExp(`^the updated lock is on branch ${branch} `, "m"));
    });

    it("is pushed once for each state, replacing its own last commit", async () => {
      await world.callAsNobody(["populate"]);
      const first = tip();
      assert.equal((await world.callAsNobody(["populate"])).status, 0);
      assert.equal(tip(), first);
      world.write(world.words, "words", "three\n");
      assert.equal((await world.callAsNobody(["populate"])).status, 0);
      assert.notEqual(tip(), first);
      assert.equal(world.git(world.repository, "rev-parse", `${branch}^`), head);
    });

    it("leaves a branch that somebody else has committed to alone, and says what to do", async () => {
      await world.callAsNobody(["populate"]);
      world.git(world.repository, "checkout", "--quiet", branch);
      const theirs = world.write(world.repository, "note", "mine");
      world.git(world.repository, "checkout", "--quiet", "main");
      world.write(world.words, "words", "three\n");
      const { status, stdout } = await world.callAsNobody(["populate"]);
      assert.equal(status, 1);
      assert.match(stdout, /has a commit of ada@example\.org: merge it or delete the branch/);
      assert.equal(tip(), theirs);
    });

    it("is not pushed for a run of named outputs, nor where there is no repository", async () => {
      assert.equal((await world.callAsNobody(["populate", greeting])).status, 0);
      assert.deepEqual(branches(), [`main ${head}`]);
      world.populate.flake = `path:${world.repository}`;
      const { status, stdout } = await world.callAsNobody(["populate"]);
      assert.equal(status, 1);
      assert.match(stdout, /the flake is in no git repository: set it to update/);
    });

    it("of a flake in a folder is that folder's", async () => {
      world.useFlake("good", "nix");
      world.git(world.repository, "mv", "flake.lock", "nix/flake.lock");
      world.git(world.repository, "commit", "--quiet", "--message", "Move");
      const { status, stdout } = await world.callAsNobody(["populate"]);
      assert.equal(status, 0, stdout);
      assert.equal(world.git(world.repository, "diff", "--name-only", "main", branch), join("nix", "flake.lock"));
    });
  });
});
