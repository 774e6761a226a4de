/** What Pulumi's Tailscale provider does for this program, by the lab's double of it, which makes the real one's calls. */
import { acl } from "../../lab/providers/tailscale/acl.ts";
import { TailscaleClient } from "../../lab/providers/tailscale/client.ts";
import { deviceTags, getDevices } from "../../lab/providers/tailscale/devices.ts";
import { federatedIdentity, oauthClient } from "../../lab/providers/tailscale/keys.ts";
import type { Operation, ResourceDouble } from "../../lab/providers/shared/double.ts";
import type { Bag } from "../../lab/providers/shared/wire.ts";

export interface ProviderCalls {
  /** Writes the policy, makes both kinds of credential, reads and changes them, and tags the server. */
  readonly up: (policy: string) => Promise<void>;
  /** Ends the credentials. */
  readonly destroy: () => Promise<void>;
}

const operation: Operation = {
  urn: "urn:pulumi:test::nix-binary-cache::test::test",
  name: "test",
  signal: AbortSignal.timeout(60_000),
  log: () => undefined,
};

/** The provider with the credentials of these variables. */
export function makeNodes(env: Readonly<Record<string, string>>): ProviderCalls {
  const client = new TailscaleClient({
    baseUrl: env.TAILSCALE_BASE_URL ?? "",
    oauthClientId: env.TAILSCALE_OAUTH_CLIENT_ID ?? "",
    oauthClientSecret: env.TAILSCALE_OAUTH_CLIENT_SECRET ?? "",
  });
  const common = { scopes: ["auth_keys"], tags: ["tag:nix-ci"], description: "ci" };
  const federated = { ...common, issuer: "https://token.actions.githubusercontent.com", subject: "repo:*" };
  const made: (readonly [ResourceDouble, string, Bag])[] = [];
  const keep = async (double: ResourceDouble, inputs: Bag): Promise<void> => {
    const { id, state } = await double.create(inputs, operation);
    made.push([double, id, { ...inputs, ...state }]);
    await double.read?.(id, { ...inputs, ...state }, operation);
    await double.update(id, { ...inputs, ...state }, { ...inputs, description: "ci 2" }, operation);
  };
  return {
    up: async (policy) => {
      const double = acl(() => client);
      const { id } = await double.create({ acl: policy, overwriteExistingContent: true }, operation);
      await double.read?.(id, { acl: policy }, operation);
      await keep(
        oauthClient(() => client),
        common,
      );
      await keep(
        federatedIdentity(() => client),
        federated,
      );
      const { devices } = (await getDevices(() => client).invoke({}, operation.signal)) as { devices: Bag[] };
      const tags = { deviceId: devices[0]?.nodeId ?? "", tags: ["tag:nix-cache"] };
      const tagger = deviceTags(() => client);
      const tagged = await tagger.create(tags, operation);
      await tagger.read?.(tagged.id, tags, operation);
    },
    destroy: async () => {
      for (const [double, id, state] of made) await double.delete?.(id, state, operation);
    },
  };
}
