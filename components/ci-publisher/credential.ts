/** The tailnet credential of CI: what a runner shows to Tailscale to become a short-lived node with CI's tag. */
import * as pulumi from "@pulumi/pulumi";
import * as tailscale from "@pulumi/tailscale";

/** Who may use the credential. */
export interface Claims {
  /** GitHub's numbers for the repository and its owner; they survive renames, and no look-alike has them. */
  readonly repositoryId: number;
  readonly ownerId: number;
  readonly branch: string;
  /** Undefined where the plan has no environments: then the branch alone decides. */
  readonly environment: string | undefined;
}

export interface CredentialArgs {
  readonly auth: "oauth-client" | "workload-identity";
  /** The one tag that its nodes get. One, because a node must ask for exactly the tags of its credential. */
  readonly tag: string;
  /** At most 50 letters, digits, hyphens and spaces survive. */
  readonly description: string;
  /** Names of OAuth clients: all exist, the first is the one that GitHub is given. */
  readonly clients: readonly string[];
  readonly claims: Claims;
}

/** What the runner needs. */
export interface Credential {
  readonly clientId: pulumi.Output<string>;
  /** Secret. Undefined with workload identity, which has none. */
  readonly clientSecret: pulumi.Output<string> | undefined;
  /** What GitHub's token must be made for. Undefined with an OAuth client. */
  readonly audience: pulumi.Output<string> | undefined;
}

/** GitHub's OIDC issuer (GitHub's documentation, "OpenID Connect reference"). */
const githubIssuer = "https://token.actions.githubusercontent.com";

/** The scope that makes auth keys, which is all that joining takes. Tailscale has no `auth_keys:write`. */
const scopes = ["auth_keys"];

/** Cuts a text down to what Tailscale takes as a description. */
export function describe(text: string): string {
  return text
    .replace(/[^A-Za-z0-9 -]+/g, "-")
    .slice(0, 50)
    .trim();
}

/**
 * The rule that a GitHub token must meet. The subject matches both of GitHub's formats, `repo:OWNER/NAME:…` and
 * `repo:OWNER@ID/NAME@ID:…` (repositories made after July 2026): the repository itself is pinned by the claims.
 */
export function tokenRule({ repositoryId, ownerId, branch, environment }: Claims): {
  subject: string;
  customClaimRules: Record<string, string>;
} {
  const ref = `refs/heads/${branch}`;
  const ids = { repository_id: String(repositoryId), repository_owner_id: String(ownerId), ref };
  return environment === undefined
    ? { subject: `repo:*:ref:${ref}`, customClaimRules: ids }
    : { subject: `repo:*:environment:${environment}`, customClaimRules: { ...ids, environment } };
}

/**
 * Declares the credential. Rotating an OAuth client is a list: put a new name in front and run `pulumi up`, so that
 * GitHub gets the new one while jobs that started with the old one still join; take the old name out later. A leaked one
 * is replaced by the new name alone, which ends the old one at the end of the same `pulumi up`.
 *
 * @param opts must order it after the tailnet's policy: Tailscale refuses a tag that the policy does not declare
 */
export function makeCredential(name: string, args: CredentialArgs, opts: pulumi.CustomResourceOptions): Credential {
  const common = { scopes, tags: [args.tag], description: describe(args.description) };
  if (args.auth === "workload-identity") {
    const identity = new tailscale.FederatedIdentity(
      `${name}-identity`,
      { ...common, issuer: githubIssuer, ...tokenRule(args.claims) },
      opts,
    );
    return { clientId: identity.id, clientSecret: undefined, audience: identity.audience };
  }
  const [current] = args.clients.map((id) => new tailscale.OauthClient(`${name}-client-${id}`, common, opts));
  if (current === undefined) {
    throw new pulumi.RunError(
      `[CiPublisher "${name}"] clients: found none; expected at least one name. Leave it out for ["1"].`,
    );
  }
  return { clientId: current.id, clientSecret: pulumi.secret(current.key), audience: undefined };
}
