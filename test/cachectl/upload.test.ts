/** The uploader as a whole: real Nix, real OpenSSH, the real receiver; see upload-pair.ts. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { noPair, Pair } from "./upload-pair.ts";

const roots = "/nix/var/nix/gcroots/nix-binary-cache";

describe("the uploader with a server", function () {
  this.timeout(120_000);
  let pair: Pair;
  before(`needs two machines in namespaces (${noPair() ?? "there are"})`, async function () {
    if (noPair() !== undefined) this.skip();
    else pair = await Pair.make();
  });
  after(async () => {
    if (noPair() === undefined) await pair.remove();
  });

  it("brings every queued build to the server, rooted and signed, and empties the queue and its roots", () => {
    const built = pair.build(30);
    assert.equal(pair.queue().waiting.length, 30);
    const { status, stderr } = pair.upload();
    assert.deepEqual([status, stderr], [0, ""]);
    assert.deepEqual(pair.arrived(built), built);
    assert.deepEqual(pair.queue().waiting, []);
    assert.deepEqual(pair.builder.list(`${roots}/queue`), []);
    const info = pair.server.must(["nix", "path-info", "--json", ...built]);
    assert.equal(info.match(/"signatures":\["builder-1:/g)?.length, 30);
  });

  it("sends what builds need too", () => {
    const [built = ""] = pair.buildOn("leaf", "root");
    assert.equal(pair.upload().status, 0);
    const closure = pair.builder.must(["nix-store", "--query", "--requisites", built]).split("\n");
    assert.equal(closure.length, 2);
    assert.equal(pair.server.must(["nix-store", "--check-validity", "--print-invalid", ...closure]), "");
  });

  it("keeps what it sent through the server's garbage collection", () => {
    const built = pair.build(5);
    pair.upload();
    pair.server.must(["nix-store", "--gc"]);
    assert.deepEqual(pair.arrived(built), built);
  });

  it("starts no second uploader beside one that runs", async () => {
    const built = pair.build(40);
    const both = await Promise.all([pair.startUpload(), pair.startUpload()].map(({ ended }) => ended));
    assert.deepEqual(
      both.map(({ status }) => status),
      [0, 0],
    );
    assert.equal(both.filter(({ stderr }) => stderr.includes("another uploader is at work")).length, 1);
    assert.deepEqual(pair.arrived(built), built);
  });

  it("lets one path that can't be sent stand alone among a hundred, sends the rest, and sends it once it can", () => {
    const built = pair.build(100);
    const [bad = ""] = built.slice(60);
    const contents = pair.builder.read(bad);
    // Its contents are no longer those that it is registered with: Nix refuses to send it.
    pair.builder.must(["chmod", "u+w", bad]);
    pair.builder.write(bad, "spoilt");
    const { status, stderr } = pair.upload();
    assert.equal(status, 75);
    assert.equal(stderr.match(/failed, tried again later/g)?.length, 1, stderr);
    assert.deepEqual(
      pair.arrived(built),
      built.filter((path) => path !== bad),
    );
    const [waiting, ...more] = pair.queue().waiting;
    assert.deepEqual([waiting?.paths, waiting?.attempts, more], [[bad], 1, []]);
    const told = JSON.parse(pair.server.read("/var/lib/nix-binary-cache/announced/builder/queue.json")) as object;
    assert.deepEqual({ ...told, since: 0, at: 0 }, { entries: 1, since: 0, at: 0 });
    pair.builder.write(bad, contents);
    pair.builder.must(["cachectl", "queue", "retry"]);
    assert.equal(pair.upload().status, 0);
    assert.deepEqual(pair.arrived([bad]), [bad]);
  });

  it("leaves out what is configured and counts it", () => {
    pair.configure({ exclude: ["secret-*"], maxPathBytes: 5000 });
    const [small = "", large = ""] = [...pair.build(1), ...pair.build(1, 5000)];
    const [secret = ""] = pair.buildOn("secret-thing", "used");
    const before = pair.queue().skipped;
    assert.equal(pair.upload().status, 0);
    pair.configure({ exclude: [], maxPathBytes: "4GiB" });
    const { excluded, tooLarge } = pair.queue().skipped;
    assert.deepEqual([excluded - before.excluded, tooLarge - before.tooLarge], [1, 1]);
    assert.deepEqual(pair.arrived([small, large, secret]), [small]);
  });

  it("sets aside what this machine no longer has, and says so", () => {
    const [kept = "", lost = ""] = pair.build(2);
    pair.builder.must(["sh", "-c", `rm -rf ${roots}/queue/*`]);
    pair.builder.must(["nix-store", "--delete", lost]);
    const { status, stderr } = pair.upload();
    assert.equal(status, 0);
    assert.match(stderr, new RegExp(`set aside: ${lost}: is no longer in this machine's store`));
    assert.deepEqual(pair.arrived([kept, lost]), [kept]);
    assert.equal(pair.queue().rejected.length, 1);
  });

  it("keeps what waits through this machine's own garbage collection", () => {
    const built = pair.build(10);
    pair.builder.must(["nix-store", "--gc"]);
    assert.equal(pair.upload().status, 0);
    assert.deepEqual(pair.arrived(built), built);
  });
});
