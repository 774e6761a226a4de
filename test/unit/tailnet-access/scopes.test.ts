/** The documented calls and scopes of Tailscale's API, held to what is called and to what the calls need. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "mocha";
import { accessFromEnv } from "../../../components/tailnet-access/credentials.ts";
import { policyApi } from "../../../components/tailnet-access/api.ts";
import { merge } from "../../../components/tailnet-access/merge.ts";
import { refuseOtherPolicy, restoreEntries } from "../../../components/tailnet-access/settle.ts";
import { withdrawEntries } from "../../../components/tailnet-access/withdrawal.ts";
import { makeNodes, type ProviderCalls } from "./provider.ts";
import { entriesOf } from "./samples.ts";
import { testTailnet, type TestTailnet } from "./tailnet.ts";

const root = join(import.meta.dirname, "../../..");
const owner = "tag:nix-infra";
const policy = `{
  "tagOwners": {"${owner}": ["autogroup:admin"]},
  "grants": [{"src": ["autogroup:member"], "dst": ["autogroup:self"], "ip": ["*"]}],
}
`;

/** Rows of a Markdown table by its first heading, each cell's code spans. */
function table(file: string, heading: string): string[][][] {
  const lines = readFileSync(join(root, file), "utf8").split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${heading} `));
  assert.ok(start >= 0, `${file} has no table with the column "${heading}"`);
  const rows = lines.slice(start + 2);
  const length = rows.findIndex((line) => !line.startsWith("|"));
  return rows.slice(0, length).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code)),
  );
}

/** The scopes that the first hour tells people to tick, with every feature on. */
const documented = table("docs/first-hour.md", "scope").flatMap(([scopes = []]) => scopes);

/** "METHOD path" as the documentation writes it. */
function call(method: string, path: string): string {
  const written = path
    .replace("/api/v2", "")
    .replace("/tailnet/-/", "/tailnet/{tailnet}/")
    .replace(/\/keys\/[^/]+$/, "/keys/{id}")
    .replace(/\/device\/[^/]+/, "/device/{id}");
  return `${method} ${written}`;
}

/** Everything that Pulumi does with its Tailscale credential, from a preview to a destroy, with every feature on. */
async function everything(tailnet: TestTailnet, scopes: readonly string[], work = makeNodes): Promise<void> {
  const body = { keyType: "client", scopes, tags: [owner], description: "pulumi" };
  const made = (await tailnet.fixture.request("POST", "/api/v2/tailnet/-/keys", { body })).body;
  const env = {
    TAILSCALE_BASE_URL: tailnet.fixture.tailscale.url,
    TAILSCALE_OAUTH_CLIENT_ID: String(made.id),
    TAILSCALE_OAUTH_CLIENT_SECRET: String(made.key),
  };
  const access = accessFromEnv(env);
  assert.ok(access !== undefined);
  const api = policyApi(access);
  const entries = entriesOf({ owners: [owner] });
  const live = await api.read();
  const plan = { entries, live, text: merge(live.text, entries), api };
  assert.ok((await api.validate(plan.text)).accepted);
  await refuseOtherPolicy(plan);
  const provider: ProviderCalls = work(env);
  await provider.up(plan.text);
  await restoreEntries(plan);
  await provider.destroy();
  await withdrawEntries(api, entries.tag);
}

describe("the scopes of Pulumi's own credential for Tailscale", () => {
  let tailnet: TestTailnet;
  beforeEach(async () => {
    tailnet = await testTailnet(policy);
  });
  afterEach(() => tailnet.fixture.close());

  it("are enough for everything that Pulumi does", async () => {
    await everything(tailnet, documented);
    assert.equal(await tailnet.policy(), policy);
    const refused = tailnet.fixture.tailscale.calls.filter(({ status }) => status >= 400);
    assert.deepEqual(refused, []);
  });

  for (const scope of documented) {
    // A scope to write takes in the one to read.
    if (documented.some((other) => scope !== other && scope.startsWith(`${other}:`))) continue;
    it(`are too few without ${scope}`, async () => {
      await assert.rejects(
        everything(
          tailnet,
          documented.filter((other) => other !== scope && !other.startsWith(`${scope}:`)),
        ),
      );
    });
  }

  it("are listed with the calls that need them, no more and no fewer", async () => {
    await everything(tailnet, documented);
    const made = tailnet.fixture.tailscale.calls
      // The first one is the test's own: the owner makes the credential.
      .slice(1)
      .map(({ method, path, scopes }) => [call(method, path), [...scopes].sort()] as const);
    const listed = table("components/tailnet-access/tailnet-access.md", "call").flatMap(([calls = [], scopes = []]) =>
      calls.map((one) => [one, [...scopes].sort()] as const),
    );
    const found = new Map<string, Set<string>>();
    for (const [one, scopes] of made) found.set(one, (found.get(one) ?? new Set()).add(scopes.join(" ")));
    const wanted = new Map<string, Set<string>>();
    for (const [one, scopes] of listed) wanted.set(one, (wanted.get(one) ?? new Set()).add(scopes.join(" ")));
    assert.deepEqual(sorted(found), sorted(wanted));
  });

  it("are in the README too, each with its calls", () => {
    const settings = /^(?:ci|tailnet)\./;
    const rows = table("README.md", "scope");
    const scopes = rows.flatMap(([cell = []]) => cell.filter((code) => !settings.test(code)));
    assert.deepEqual(scopes.sort(), documented.filter((code) => !settings.test(code)).sort());
    const calls = rows.flatMap(([, cell = []]) => cell.filter((code) => !settings.test(code)));
    const listed = table("components/tailnet-access/tailnet-access.md", "call").flatMap(([cell = []]) => cell);
    // Asking for a token needs none.
    assert.deepEqual([...new Set(calls)].sort(), [...new Set(listed)].filter((one) => !one.includes("/oauth/")).sort());
  });
});

function sorted(calls: ReadonlyMap<string, ReadonlySet<string>>): [string, string[]][] {
  return [...calls]
    .map(([one, scopes]): [string, string[]] => [one, [...scopes].sort()])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
