/** CI on macOS runners: its way into the tailnet, what the repository has to hold, and the workflow itself. */
import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import { type Credential, makeCredential } from "./credential.ts";
import { secretNames, variableNames } from "./names.ts";
import { nixPublicKey, sshPublicKey } from "./public-keys.ts";
import { environmentStore, repositoryStore, type Store } from "./repository-store.ts";

export interface CiPublisherArgs {
  /** The stack's name, for descriptions and commit messages. */
  readonly stack: string;
  /** "owner/name". */
  readonly repository: string;
  /** GitHub's numbers, from `checkRepository`; workload identity is bound to them. */
  readonly repositoryId: number;
  readonly ownerId: number;
  /** The environment's name; undefined where the repository's plan has none: then the repository holds everything. */
  readonly environment: string | undefined;
  /** The one branch that publishes. */
  readonly branch: string;
  readonly auth: "oauth-client" | "workload-identity";
  /** The OAuth clients by name: all exist, GitHub is given the first. See `makeCredential` for rotation. @default ["1"] */
  readonly clients?: readonly string[];
  /** The tag of CI's nodes. */
  readonly tag: string;
  /** What declares the tag; the credential is made after it. */
  readonly tailnetPolicy: pulumi.Resource;
  readonly cacheUrl: pulumi.Input<string>;
  /** The server's signing keys, which the runner trusts as every client does. */
  readonly publicKeys: pulumi.Input<readonly string[]>;
  readonly server: {
    readonly address: pulumi.Input<string>;
    readonly sshPort: number;
    /** "ssh-ed25519 AAAA…" */
    readonly hostKey: pulumi.Input<string>;
  };
  /** The CI builder's Nix secret key. Treated as secret however it is passed. */
  readonly signingKey: pulumi.Input<string>;
  /** The CI builder's OpenSSH private key; undefined with Tailscale SSH, where the tag is the identity. */
  readonly sshKey: pulumi.Input<string> | undefined;
  /** The workflow for Pulumi to commit; undefined when somebody else does. */
  readonly workflow: { readonly path: string; readonly text: string } | undefined;
}

const token = "nix-binary-cache:github:CiPublisher";

/** The CI publisher. Its public outputs are what the server must know of the CI builder. */
export class CiPublisher extends pulumi.ComponentResource {
  /** The id of the tailnet credential that GitHub was given. Not secret. */
  readonly clientId: pulumi.Output<string>;
  /** The public half of the signing key, `NAME:BASE64`. */
  readonly signingKey: pulumi.Output<string>;
  /** The public half of the ssh key, `ssh-ed25519 AAAA…`; undefined with Tailscale SSH. */
  readonly sshKey: pulumi.Output<string> | undefined;

  constructor(name: string, args: CiPublisherArgs, opts?: pulumi.ComponentResourceOptions) {
    // Args of components are kept in the state; these hold secrets.
    super(token, name, {}, opts);
    const parent = { parent: this };
    this.signingKey = publicHalf(args.signingKey, nixPublicKey);
    this.sshKey = args.sshKey === undefined ? undefined : publicHalf(args.sshKey, sshPublicKey);

    const credential = makeCredential(
      name,
      {
        auth: args.auth,
        tag: args.tag,
        description: `nix-binary-cache ${args.stack} ci`,
        clients: args.clients ?? ["1"],
        claims: args,
      },
      { parent: this, dependsOn: args.tailnetPolicy },
    );
    this.clientId = credential.clientId;

    const store = makeStore(name, args, parent);
    const held = fill(store, args, credential);
    if (args.workflow !== undefined) commitWorkflow(name, args, args.workflow, { ...parent, dependsOn: held });
    this.registerOutputs({ clientId: this.clientId, signingKey: this.signingKey, sshKey: this.sshKey });
  }
}

/** A public half is public: it leaves the secrecy of the text that it was worked out from. */
function publicHalf(secretText: pulumi.Input<string>, derive: (text: string) => string): pulumi.Output<string> {
  const half = pulumi.output(secretText).apply((text) => {
    try {
      return derive(text);
    } catch (error) {
      throw new pulumi.RunError((error as Error).message);
    }
  });
  return pulumi.unsecret(half);
}

/** The name without the owner, as the provider takes it. */
function nameOf(repository: string): string {
  return repository.slice(repository.indexOf("/") + 1);
}

/** Makes the environment where there is to be one. Its branch policy comes first, its secrets after. */
function makeStore(name: string, args: CiPublisherArgs, opts: pulumi.CustomResourceOptions): Store {
  const repository = nameOf(args.repository);
  if (args.environment === undefined) return repositoryStore(name, repository, opts);
  const environment = new github.RepositoryEnvironment(
    `${name}-environment`,
    {
      repository,
      environment: args.environment,
      // Not protectedBranches: without a protection rule, that lets every branch deploy.
      deploymentBranchPolicy: { protectedBranches: false, customBranchPolicies: true },
    },
    opts,
  );
  const policy = new github.RepositoryEnvironmentDeploymentPolicy(
    `${name}-branch-policy`,
    { repository, environment: environment.environment, branchPattern: args.branch },
    opts,
  );
  return environmentStore(name, repository, environment.environment, { ...opts, dependsOn: policy });
}

/** Puts in what the workflow reads: secrets for what is secret, variables for the rest. */
function fill(
  store: Store,
  args: CiPublisherArgs,
  { clientId, clientSecret, audience }: Credential,
): pulumi.Resource[] {
  const secrets: [string, pulumi.Input<string>][] = [[secretNames.signingKey, args.signingKey]];
  if (args.sshKey !== undefined) secrets.push([secretNames.sshKey, args.sshKey]);
  const variables: [string, pulumi.Input<string>][] = [
    [variableNames.cacheUrl, args.cacheUrl],
    [variableNames.publicKeys, pulumi.output(args.publicKeys).apply((keys) => keys.join(" "))],
    [variableNames.server, args.server.address],
    [variableNames.sshPort, String(args.server.sshPort)],
    [variableNames.hostKey, args.server.hostKey],
    [variableNames.tag, args.tag],
  ];
  if (clientSecret === undefined) variables.push([variableNames.clientId, clientId]);
  else secrets.push([secretNames.clientId, clientId], [secretNames.clientSecret, clientSecret]);
  if (audience !== undefined) variables.push([variableNames.audience, audience]);
  return [
    ...secrets.map(([key, value]) => store.secret(key, value)),
    ...variables.map(([key, value]) => store.variable(key, value)),
  ];
}

/** Commits the workflow to the branch. Whether an existing file is ours to overwrite was settled before. */
function commitWorkflow(
  name: string,
  args: CiPublisherArgs,
  { path, text }: { readonly path: string; readonly text: string },
  opts: pulumi.CustomResourceOptions,
): void {
  const file = {
    repository: nameOf(args.repository),
    branch: args.branch,
    file: path,
    content: text,
    commitMessage: `Update ${path} (nix-binary-cache, stack ${args.stack})`,
    overwriteOnCreate: true,
  };
  new github.RepositoryFile(`${name}-workflow`, file, opts);
}
