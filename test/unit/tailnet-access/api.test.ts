import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "mocha";
import { policyApi } from "../../../components/tailnet-access/api.ts";
import { TailscaleError } from "../../../components/tailnet-access/credentials.ts";
import { merge } from "../../../components/tailnet-access/merge.ts";
import { API_KEY, MEMBER_KEY } from "../lab-tailscale/fixture.ts";
import { defaultPolicy, entriesOf, grantsOnly } from "./samples.ts";
import { testTailnet, type TestTailnet } from "./tailnet.ts";

const owner = { kind: "api-key", key: API_KEY } as const;
const read = "GET tailnet/-/acl";

describe("the calls of Tailscale's API", () => {
  let tailnet: TestTailnet;
  beforeEach(async () => {
    tailnet = await testTailnet(grantsOnly);
  });
  afterEach(() => tailnet.fixture.close());

  /** The message with which a call fails; no credential is ever in it. */
  async function failure(work: Promise<unknown>): Promise<string> {
    const error = await work.then(
      () => assert.fail("it did not fail"),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof TailscaleError, String(error));
    assert.doesNotMatch(`${error.message}${error.stack ?? ""}`, /tskey-/);
    return error.message;
  }

  it("read the policy as HuJSON with the tag of its version", async () => {
    const { text, etag } = await tailnet.api.read();
    assert.equal(text, grantsOnly);
    assert.match(etag ?? "", /^"[0-9a-f]{64}"$/);
  });

  it("write the policy if it is still the one that was read, and say so when it is not", async () => {
    const live = await tailnet.api.read();
    await tailnet.edit("{}");
    assert.equal(await tailnet.api.write(defaultPolicy, live), false);
    assert.equal(await tailnet.policy(), "{}");
    assert.equal(await tailnet.api.write(defaultPolicy, await tailnet.api.read()), true);
    assert.equal(await tailnet.policy(), defaultPolicy);
  });

  it("give the verdict on a policy, with a line for each test that failed, and change nothing", async () => {
    assert.deepEqual(await tailnet.api.validate(merge(grantsOnly, entriesOf())), {
      accepted: true,
      message: "",
      details: [],
    });
    const verdict = await tailnet.api.validate(merge(defaultPolicy, entriesOf()));
    assert.equal(verdict.accepted, false);
    assert.equal(verdict.message, "test(s) failed");
    assert.equal(
      verdict.details[0],
      'tag:nix-ci: [acl test error]: address "tag:nix-cache:80" (protocol "tcp"): want: Drop, got: Accept',
    );
    assert.equal((await tailnet.api.validate("{")).accepted, false);
    assert.equal(await tailnet.policy(), grantsOnly);
  });

  it("take a policy that Tailscale only warns of, with the warnings, and none of which a test failed as well", async () => {
    const warned = { user: "group:dev", warnings: ['user not found: "zoe@example.com"'] };
    const failed = { user: "tag:a", errors: ["want: Drop, got: Accept"] };
    for (const [answer, accepted, details] of [
      [{ message: "warning(s) found", data: [warned] }, true, ['group:dev: user not found: "zoe@example.com"']],
      [{ message: "test(s) failed", data: [warned, failed] }, false, ["tag:a: want: Drop, got: Accept"]],
      [{ message: "something else", data: null }, false, []],
    ] as const) {
      const double = await answering(200, JSON.stringify(answer));
      const api = policyApi({ ...tailnet.access, baseUrl: double.url });
      assert.deepEqual(await api.validate("{}"), { accepted, message: answer.message, details });
      double.server.close();
    }
  });

  it("work for an OAuth client with the scopes that the README names, on one token", async () => {
    const scopes = ["policy_file", "devices:core:read", "devices:posture_attributes"];
    const body = { keyType: "client", scopes, tags: [], description: "pulumi" };
    const made = (await tailnet.fixture.request("POST", "/api/v2/tailnet/-/keys", { body })).body;
    const api = tailnet.as({ kind: "oauth-client", id: String(made.id), secret: String(made.key) });
    const live = await api.read();
    assert.ok((await api.validate(defaultPolicy)).accepted);
    assert.ok(await api.write(defaultPolicy, live));
    assert.equal(tailnet.calls().filter((call) => call.includes("oauth/token")).length, 1);
  });

  it("say which scope a credential lacks", async () => {
    const scopes = ["policy_file:read", "devices:core:read", "devices:posture_attributes:read"];
    const body = { keyType: "client", scopes, tags: [], description: "reader" };
    const made = (await tailnet.fixture.request("POST", "/api/v2/tailnet/-/keys", { body })).body;
    const api = tailnet.as({ kind: "oauth-client", id: String(made.id), secret: String(made.key) });
    const live = await api.read();
    assert.match(await failure(api.write(defaultPolicy, live)), /403.*The credential needs the scope policy_file, or/);
  });

  it("say that a credential is refused", async () => {
    const message = await failure(tailnet.as({ kind: "api-key", key: "tskey-api-old" }).read());
    assert.match(
      message,
      /\/acl: Tailscale refused the credential \(401, "API token invalid"\)\. Is it expired, revoked/,
    );
    const client = tailnet.as({ kind: "oauth-client", id: "x", secret: "tskey-client-x" });
    assert.match(await failure(client.read()), /^POST .*\/oauth\/token: .*\(401/);
    const workload = tailnet.as({ kind: "identity-token", id: "x", token: "a.b.c" });
    assert.match(await failure(workload.read()), /^POST .*\/oauth\/token-exchange: .*\(401/);
  });

  it("say that a member's key is not enough", async () => {
    await tailnet.fail({ kind: "status", status: 403, message: "calling actor does not have enough permissions" });
    assert.match(
      await failure(tailnet.as({ kind: "api-key", key: MEMBER_KEY }).read()),
      /refused \(403, "calling actor .*"\)\. The credential needs the scope policy_file:read, or an admin's rights\.$/,
    );
  });

  it("say so at once when there is no tailnet of that name", async () => {
    await tailnet.fail({ kind: "status", status: 404, message: "tailnet not found" });
    assert.match(await failure(tailnet.api.read()), /no such thing \(404.*TAILSCALE_TAILNET/);
    assert.deepEqual(tailnet.calls(), [`${read} 404`]);
  });

  describe("when the API fails", () => {
    it("ask again after a failure, where that does no harm", async () => {
      await tailnet.fail({ kind: "status", status: 500, times: 1 });
      assert.equal((await tailnet.api.read()).text, grantsOnly);
      await tailnet.fail({ kind: "down", times: 1 });
      assert.ok((await tailnet.api.validate(grantsOnly)).accepted);
      assert.deepEqual(
        tailnet.calls().map((call) => call.split(" ").at(-1)),
        ["500", "200", "0", "200"],
      );
    });

    it("never repeat a write whose answer got lost", async () => {
      const live = await tailnet.api.read();
      await tailnet.fail({ kind: "down", method: "POST", times: 1 });
      assert.match(await failure(tailnet.api.write(defaultPolicy, live)), /^POST .*\/acl: .*Check the network/);
      assert.deepEqual(tailnet.calls(), [`${read} 200`, "POST tailnet/-/acl 0"]);
    });

    it("never repeat a write that Tailscale failed at: it may have happened", async () => {
      const live = await tailnet.api.read();
      await tailnet.fail({ kind: "status", status: 500, method: "POST", times: 1 });
      assert.match(await failure(tailnet.api.write(defaultPolicy, live)), /^POST .*Tailscale failed \(500/);
      assert.deepEqual(tailnet.calls(), [`${read} 200`, "POST tailnet/-/acl 500"]);
    });

    it("give up after four answers of 500, with what Tailscale said", async () => {
      await tailnet.fail({ kind: "status", status: 500, message: "internal server error" });
      const message = await failure(tailnet.as(owner, { patienceMs: 10_000 }).read());
      assert.match(message, /Tailscale failed \(500, "internal server error"\)\. Try again later/);
      assert.equal(tailnet.calls().length, 4);
    });

    it("wait as long as Tailscale asks for, and then go on", async () => {
      await tailnet.fail({ kind: "status", status: 429, retryAfterSeconds: 1, times: 1 });
      const start = performance.now();
      assert.equal((await tailnet.api.read()).text, grantsOnly);
      assert.ok(performance.now() - start >= 990);
    });

    it("also for a write, which a limited rate has kept from happening", async () => {
      const live = await tailnet.api.read();
      await tailnet.fail({ kind: "status", status: 429, retryAfterSeconds: 0, times: 2 });
      assert.equal(await tailnet.api.write(defaultPolicy, live), true);
      assert.equal(await tailnet.policy(), defaultPolicy);
    });

    it("do not wait longer than is sensible, and say when to try again", async () => {
      await tailnet.fail({ kind: "status", status: 429, message: "rate limited", retryAfterSeconds: 600 });
      assert.match(
        await failure(tailnet.api.read()),
        /limits the rate \(429, "rate limited"\)\. Try again in 600 s\.$/,
      );
      assert.equal(tailnet.calls().length, 1);
    });

    it("give up on an answer that does not come", async () => {
      await tailnet.fail({ kind: "slow", milliseconds: 2_000 });
      const start = performance.now();
      const message = await failure(tailnet.as(owner, { timeoutMs: 150, patienceMs: 300 }).read());
      assert.match(message, /no answer within 0\.15 s\. Check the network and TAILSCALE_BASE_URL\.$/);
      assert.ok(performance.now() - start < 1_500);
    });

    it("say that a web page is not the API", async () => {
      for (const status of [200, 403, 502]) {
        await tailnet.fixture.request("DELETE", "/_lab/faults");
        await tailnet.fail({ kind: "html", status });
        const message = await failure(tailnet.as(owner, { patienceMs: 0 }).read());
        assert.match(message, new RegExp(`found a web page \\(${status}\\) where Tailscale's API should be`));
      }
    });

    it("say that nothing listens there", async () => {
      const api = policyApi({ ...tailnet.access, baseUrl: "http://user:tskey-x@127.0.0.1:1", patienceMs: 0 });
      assert.match(await failure(api.read()), /^GET 127\.0\.0\.1:1\/api\/v2\/tailnet\/-\/acl: /);
    });

    it("say that an answer is not what is documented, or leads elsewhere", async () => {
      const elsewhere = await answering(200, "[]");
      const portal = await answering(302, "", { location: "http://127.0.0.1:1/login" });
      try {
        const api = policyApi({ ...tailnet.access, baseUrl: elsewhere.url });
        assert.match(
          await failure(api.validate("{}")),
          /the validation of the policy \(200\) with something else than/,
        );
        const led = policyApi({ ...tailnet.access, baseUrl: portal.url });
        assert.match(await failure(led.read()), /found a redirection \(302\) where Tailscale's API should be/);
      } finally {
        elsewhere.server.close();
        portal.server.close();
      }
    });
  });
});

/** A server that gives one answer to everything. */
async function answering(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ url: string; server: Server }> {
  const server = createServer((_, response) => response.writeHead(status, headers).end(body)).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}
