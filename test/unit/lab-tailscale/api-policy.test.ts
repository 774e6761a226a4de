import assert from "node:assert/strict";

import type { Flow } from "../../lab/tailscale/packet-filter.ts";
import { type Fixture, POLICY, startFixture } from "./fixture.ts";

const ACL = "/api/v2/tailnet/-/acl";
const HUJSON = { accept: "application/hujson", "content-type": "application/hujson" };

describe("the stand-in's policy calls", () => {
  let fixture: Fixture;
  let filters: (readonly Flow[])[];

  beforeEach(async () => {
    filters = [];
    fixture = await startFixture({ onPolicy: (flows) => void filters.push(flows) });
  });
  afterEach(() => fixture.close());

  it("give the default policy as HuJSON with comments, or as JSON", async () => {
    const text = await fixture.request("GET", ACL, { headers: HUJSON });
    assert.match(text.text, /\/\/ Allow all connections/);
    assert.match(text.headers.get("etag") ?? "", /^"[0-9a-f]{64}"$/);
    const json = await fixture.request("GET", ACL, { headers: { accept: "application/json" } });
    assert.deepEqual(json.body.grants, [{ src: ["*"], dst: ["*"], ip: ["*"] }]);
  });

  it("keep a written policy byte for byte, across a restart, and compile its filter", async () => {
    const answer = await fixture.request("POST", ACL, {
      headers: { ...HUJSON, "if-match": '"ts-default"' },
      body: POLICY,
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.text, POLICY);
    await fixture.restart();
    const read = await fixture.request("GET", ACL, { headers: HUJSON });
    assert.equal(read.text, POLICY);
    assert.equal(read.headers.get("etag"), answer.headers.get("etag"));
    assert.deepEqual(
      filters.map(({ length }) => length > 0),
      [true, false, false],
      "no machine has the tags yet",
    );
  });

  it("refuse a write over a policy that changed since it was read, or that is not the default one", async () => {
    const { headers } = await fixture.request("GET", ACL, { headers: HUJSON });
    await fixture.request("POST", ACL, { headers: HUJSON, body: POLICY });
    for (const condition of [headers.get("etag") ?? "", '"ts-default"']) {
      const late = await fixture.request("POST", ACL, { headers: { ...HUJSON, "if-match": condition }, body: "{}" });
      assert.equal(late.status, 412);
      assert.deepEqual(late.body, { message: "precondition failed, invalid old hash" });
    }
  });

  it("lets only one of two writers with the same ETag through", async () => {
    const { headers } = await fixture.request("GET", ACL);
    const write = { headers: { ...HUJSON, "if-match": headers.get("etag") ?? "" }, body: POLICY };
    const answers = await Promise.all([fixture.request("POST", ACL, write), fixture.request("POST", ACL, write)]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 412]);
  });

  it("reset the policy on an empty body", async () => {
    await fixture.request("POST", ACL, { headers: HUJSON, body: POLICY });
    await fixture.request("POST", ACL, { headers: HUJSON, body: "" });
    assert.match((await fixture.request("GET", ACL, { headers: HUJSON })).text, /Allow all connections/);
  });

  it("refuse a bad policy tersely on a write, and with reasons, under 200, on a validation", async () => {
    const body = JSON.stringify({
      grants: [{ src: ["*"], dst: ["*"], ip: ["*"] }],
      tests: [{ src: "bob@example.com", deny: ["100.80.1.10:22"] }],
    });
    const write = await fixture.request("POST", ACL, { headers: HUJSON, body });
    assert.deepEqual([write.status, write.body], [400, { message: "test(s) failed" }]);
    const validation = await fixture.request("POST", `${ACL}/validate`, { headers: HUJSON, body });
    const errors = ['[acl test error]: address "100.80.1.10:22": want: Drop, got: Accept'];
    assert.deepEqual(
      [validation.status, validation.body],
      [200, { message: "test(s) failed", data: [{ user: "bob@example.com", errors }] }],
    );
  });

  it("validate a good policy, a broken one, and tests alone against the policy that is held", async () => {
    const validate = async (body: unknown): Promise<unknown> =>
      (await fixture.request("POST", `${ACL}/validate`, { body })).body;
    assert.deepEqual(await validate(POLICY), {});
    assert.match(JSON.stringify(await validate("{")), /hujson: line 1/);
    assert.deepEqual(await validate([{ src: "bob@example.com", accept: ["100.80.1.10:22"] }]), {});
    assert.match(
      JSON.stringify(await validate([{ src: "bob@example.com", deny: ["100.80.1.10:22"] }])),
      /test\(s\) failed/,
    );
  });

  it("compile the filter anew when a machine's tags change", async () => {
    await fixture.request("POST", ACL, { headers: HUJSON, body: POLICY });
    await fixture.request("POST", "/api/v2/device/1001/tags", { body: { tags: ["tag:cache"] } });
    await fixture.request("POST", "/api/v2/device/1002/tags", { body: { tags: ["tag:ci"] } });
    const [tcp] = filters.at(-1) ?? [];
    assert.deepEqual(tcp, { src: "100.80.1.30", dst: "100.80.1.10", proto: "tcp", ports: [22, 22] });
  });
});
