/** What a builder tells of its queue: by the real receiver, from hostile input to the server's status. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import fc from "fast-check";
import { builderStatus } from "../../nix/cachectl/status/facts/uploads.ts";
import { describeBuilder } from "../../nix/cachectl/status/text.ts";
import { judgeBuilders } from "../../nix/cachectl/doctor/checks/builders.ts";
import { TestServer } from "./receive-host.ts";

describe("a builder's queue, as the server knows it", () => {
  let server: TestServer;
  beforeEach(() => (server = new TestServer()));
  afterEach(() => {
    server.remove();
  });

  const tell = (text: string | Readable, { sshKey } = server.alpha): ReturnType<TestServer["call"]> =>
    server.call(sshKey, "status", text);
  const folder = (): string => join(server.state, "announced", "alpha");
  const seen = (name = "alpha"): ReturnType<typeof builderStatus>[number] | undefined =>
    builderStatus({ state: server.state, roots: server.roots }, Date.now()).find((builder) => builder.name === name);

  it("is what it told last, with times of the server's own clock, and nobody else's", async () => {
    const before = Date.now();
    assert.equal((await tell('{"queue": {"entries": 3, "oldestSeconds": 7200}}\n')).status, 0);
    const { queue } = seen() ?? {};
    assert.equal(queue?.entries, 3);
    assert.ok(queue.at >= before && queue.at <= Date.now());
    assert.equal(queue.since, queue.at - 7200_000);
    assert.equal(seen("beta")?.queue, undefined);
    const builder = seen();
    assert.ok(builder);
    assert.match(
      describeBuilder(builder, Date.now()),
      /3 entries waiting there for 2 h \(told 0 s ago\), last heard of 0 s ago/,
    );
    await tell('{"queue": {"entries": 0}, "later": "more"}\n');
    assert.deepEqual([seen()?.queue?.entries, seen()?.queue?.since], [0, undefined]);
  });

  it("stays unknown of a builder that tells nothing, and what it was when only status is asked for", async () => {
    assert.equal((await tell("")).status, 0);
    assert.equal(seen()?.queue, undefined);
    const builder = seen();
    assert.ok(builder);
    assert.match(describeBuilder(builder, Date.now()), /its queue unknown/);
    await tell('{"queue": {"entries": 1, "oldestSeconds": 5}}\n');
    await tell("");
    assert.equal(seen()?.queue?.entries, 1);
  });

  it("has the doctor warn when something waits for more than a day", async () => {
    await tell('{"queue": {"entries": 2, "oldestSeconds": 180000}}\n');
    const { level, found } = judgeBuilders(builderStatus(server, Date.now()), Date.now());
    assert.deepEqual([level, found], ["warning", "on alpha 2 in the queue, the oldest for 2 days (told 0 s ago)"]);
  });

  const hostile = [
    "no JSON",
    "[]",
    "{}",
    '{"queue": null}',
    '{"queue": {"entries": -1, "oldestSeconds": 1}}',
    '{"queue": {"entries": 1.5, "oldestSeconds": 1}}',
    '{"queue": {"entries": 1e300, "oldestSeconds": 1}}',
    '{"queue": {"entries": "1", "oldestSeconds": 1}}',
    '{"queue": {"entries": 1}}',
    '{"queue": {"entries": 1, "oldestSeconds": 1e12}}',
    '{"queue": {"entries": 0, "oldestSeconds": 1}}',
  ];
  for (const text of hostile) {
    it(`refuses ${text}, and says what it expects`, async () => {
      const { status, errors } = await tell(text);
      assert.equal(status, 126);
      assert.match(errors, /^nix-binary-cache: status came with .*; expected nothing, or \{"queue": /);
      assert.equal(existsSync(join(folder(), "queue.json")), false);
    });
  }

  it("refuses more than a kibibyte, however it comes", async () => {
    const { status, errors } = await tell(Readable.from(Array.from({ length: 100 }, () => Buffer.alloc(64, " "))));
    assert.equal(status, 126);
    assert.match(errors, /more than 1024 bytes/);
  });

  it("answers who says nothing and does not hang up", async () => {
    const started = Date.now();
    const silent = new Readable({ read: () => undefined });
    assert.equal((await tell(silent)).status, 0);
    assert.ok(Date.now() - started < 4000);
  });

  it("takes or refuses whatever comes, and keeps nothing but whole files of counts", async () => {
    const anything = fc.oneof(
      fc.string({ maxLength: 300 }),
      fc.json(),
      fc.record({ queue: fc.record({ entries: fc.anything(), oldestSeconds: fc.anything() }) }).map(JSON.stringify),
    );
    await fc.assert(
      fc.asyncProperty(anything, async (text) => {
        assert.ok([0, 126].includes((await tell(text)).status));
        const files = existsSync(folder()) ? readdirSync(folder()).filter((name) => name.startsWith("queue")) : [];
        for (const file of files) {
          assert.equal(file, "queue.json");
          const { entries, at } = JSON.parse(readFileSync(join(folder(), file), "utf8")) as Record<string, number>;
          assert.ok(Number.isInteger(entries) && Number.isInteger(at));
        }
      }),
      { numRuns: 200 },
    );
  });
});
