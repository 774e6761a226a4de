/** The lab's stand-in for Tailscale, with what the tests of this folder do to it. */
import { policyApi, type PolicyApi } from "../../../components/tailnet-access/api.ts";
import type { Credential, TailscaleAccess } from "../../../components/tailnet-access/credentials.ts";
import { API_KEY, type Fixture, startFixture } from "../lab-tailscale/fixture.ts";

export const aclPath = "/api/v2/tailnet/-/acl";

export interface TestTailnet {
  readonly fixture: Fixture;
  readonly access: TailscaleAccess;
  /** The variables under which the program and the provider find it. */
  readonly env: NodeJS.ProcessEnv;
  readonly api: PolicyApi;
  /** The policy that is held. */
  policy(): Promise<string>;
  /** Somebody else writes another policy. */
  edit(text: string): Promise<void>;
  /** Makes calls fail; see the stand-in's faults. */
  fail(...faults: readonly object[]): Promise<void>;
  /** "METHOD path status" of each call of the policy so far, but those of this object. */
  calls(): string[];
  as(credential: Credential, limits?: Pick<TailscaleAccess, "timeoutMs" | "patienceMs">): PolicyApi;
}

/** Starts a tailnet that holds this policy. */
export async function testTailnet(policy?: string): Promise<TestTailnet> {
  const fixture = await startFixture(policy === undefined ? {} : { policy });
  const baseUrl = fixture.tailscale.url;
  const own = new Set<object>();
  const headers = { accept: "application/hujson", "content-type": "application/hujson" };
  // What a test does itself is not among the calls of what it tests.
  const aside = async <T>(work: () => Promise<T>): Promise<T> => {
    const before = fixture.tailscale.calls.length;
    const result = await work();
    for (const call of fixture.tailscale.calls.slice(before)) own.add(call);
    return result;
  };
  const access: TailscaleAccess = { baseUrl, tailnet: "-", credential: { kind: "api-key", key: API_KEY } };
  return {
    fixture,
    access,
    env: { TAILSCALE_BASE_URL: baseUrl, TAILSCALE_API_KEY: API_KEY },
    api: policyApi(access),
    policy: async () => (await aside(() => fixture.request("GET", aclPath, { headers }))).text,
    edit: async (body) => {
      const { status, text } = await aside(() => fixture.request("POST", aclPath, { headers, body }));
      if (status !== 200) throw new Error(`the stand-in refused the edit: ${text}`);
    },
    fail: async (...faults) => {
      await fixture.request("POST", "/_lab/faults", { body: faults });
    },
    calls: () =>
      fixture.tailscale.calls
        .filter((call) => !own.has(call))
        .map(({ method, path, status }) => `${method} ${path.replace("/api/v2/", "")} ${status}`),
    as: (credential, limits = {}) => policyApi({ baseUrl, tailnet: "-", credential, ...limits }),
  };
}
