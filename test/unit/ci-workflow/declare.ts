/** Declares the CI publisher behind the recorder, and gathers what the tests of the component look at. */
import * as pulumi from "@pulumi/pulumi";
import { type CiPublisherArgs, makeNixKey, makeSshKey } from "../../../components/ci-publisher/index.ts";
import { type Recorder, recordMocks, settled } from "../../support/mocks.ts";

export const oauthClient = "tailscale:index/oauthClient:OauthClient";
export const federatedIdentity = "tailscale:index/federatedIdentity:FederatedIdentity";

export const signingKey = makeNixKey("dev-ci-1");
export const sshKey = makeSshKey("ci");

/** How a resource hangs together with others. */
interface Ties {
  readonly isChild: boolean;
  readonly after: readonly string[];
  readonly ignored: readonly string[];
}

/** What a scenario declared, and the component's outputs. */
export interface Declared {
  readonly ties: ReadonlyMap<string, Ties>;
  readonly recorder: Recorder;
  readonly outputs: Readonly<Record<"clientId" | "signingKey", { value: string; secret: boolean }>>;
  readonly sshKey: { value: string; secret: boolean } | undefined;
}

/** Stands for the tailnet's policy. */
class Policy extends pulumi.ComponentResource {
  constructor() {
    super("test:index:Policy", "policy", {});
    this.registerOutputs({});
  }
}

/** Declares the publisher with the recorder behind it. */
export async function declare(overrides: Partial<CiPublisherArgs> = {}): Promise<Declared> {
  const recorder = await recordMocks({
    answers: {
      [oauthClient]: (_, name) => ({ key: pulumi.secret(`tskey-client-${name}`) }),
      [federatedIdentity]: () => ({ audience: "api.tailscale.com/abc" }),
    },
  });
  const { CiPublisher } = await import("../../../components/ci-publisher/index.ts");
  const policy = new Policy();
  const seen: pulumi.ResourceTransformationArgs[] = [];
  // Children inherit a transformation, which sees the options that mocks are not told.
  const watch: pulumi.ResourceTransformation = (child) => {
    seen.push(child);
    return undefined;
  };
  const args: CiPublisherArgs = {
    stack: "dev",
    repository: "me/dotfiles",
    repositoryId: 4711,
    ownerId: 42,
    environment: "nix-cache",
    branch: "main",
    auth: "oauth-client",
    tag: "tag:nix-ci",
    tailnetPolicy: policy,
    cacheUrl: "http://100.64.0.1:5000",
    publicKeys: ["server-cache-2:AAAA", "server-cache-1:BBBB"],
    server: { address: "100.64.0.1", sshPort: 22, hostKey: "ssh-ed25519 AAAAhost" },
    signingKey: pulumi.secret(signingKey),
    sshKey: pulumi.secret(sshKey),
    workflow: undefined,
    ...overrides,
  };
  const publisher = new CiPublisher("ci", args, { transformations: [watch] });
  const outputs = { clientId: await settled(publisher.clientId), signingKey: await settled(publisher.signingKey) };
  const derivedSshKey = publisher.sshKey === undefined ? undefined : await settled(publisher.sshKey);
  await pulumi.runtime.disconnect();
  return { recorder, ties: tiesOf(seen, publisher, policy), outputs, sshKey: derivedSshKey };
}

/** Turns the options that were seen into names. */
function tiesOf(
  seen: readonly pulumi.ResourceTransformationArgs[],
  publisher: pulumi.Resource,
  policy: pulumi.Resource,
): ReadonlyMap<string, Ties> {
  const names = new Map<unknown, string>([[policy, "policy"], ...seen.map((one) => [one.resource, one.name] as const)]);
  return new Map(
    seen.slice(1).map(({ name, opts }) => [
      name,
      {
        isChild: opts.parent === publisher,
        after: [opts.dependsOn ?? []].flat().map((resource) => names.get(resource) ?? "?"),
        ignored: (opts as pulumi.CustomResourceOptions).ignoreChanges ?? [],
      },
    ]),
  );
}
