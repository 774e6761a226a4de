import assert from "node:assert/strict";

import { type Answer, type Fixture, startFixture } from "./fixture.ts";

const DEVICES = "/api/v2/tailnet/-/devices";

describe("a fault that a test puts into the stand-in", () => {
  let fixture: Fixture;

  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.close());
  afterEach(() => fixture.request("DELETE", "/_lab/faults"));

  const put = (...faults: object[]): Promise<Answer> => fixture.request("POST", "/_lab/faults", { body: faults });
  const status = async (path = DEVICES): Promise<number> => (await fixture.request("GET", path)).status;

  it("is a failure in Tailscale's form, for as many requests as asked", async () => {
    await put({ kind: "status", status: 500, message: "internal server error", times: 2 });
    assert.deepEqual((await fixture.request("GET", DEVICES)).body, { message: "internal server error" });
    assert.deepEqual([await status(), await status()], [500, 200]);
  });
  it("tells when to come back after 429", async () => {
    await put({ kind: "status", status: 429, retryAfterSeconds: 3 });
    assert.equal((await fixture.request("GET", DEVICES)).headers.get("retry-after"), "3");
  });
  it("is HTML where JSON is expected", async () => {
    await put({ kind: "html" });
    const answer = await fixture.request("GET", DEVICES);
    assert.deepEqual([answer.status, answer.headers.get("content-type")], [502, "text/html"]);
  });
  it("is a connection that is cut", async () => {
    await put({ kind: "down", times: 1 });
    await assert.rejects(fixture.request("GET", DEVICES), /fetch failed/);
    assert.equal(await status(), 200);
  });
  it("is an answer that comes late", async () => {
    await put({ kind: "slow", milliseconds: 120, times: 1 });
    const start = performance.now();
    assert.equal(await status(), 200);
    assert.ok(performance.now() - start >= 110);
  });
  it("hits only the calls it is meant for", async () => {
    await put({ kind: "status", status: 403, path: "/acl", method: "GET" });
    assert.deepEqual([await status(), await status("/api/v2/tailnet/-/acl")], [200, 403]);
  });
  it("is recorded among the calls, which tell the scopes they need", async () => {
    await status();
    const call = fixture.tailscale.calls.at(-1);
    assert.deepEqual(call, { method: "GET", path: DEVICES, status: 200, scopes: ["devices:core:read"] });
  });
});
