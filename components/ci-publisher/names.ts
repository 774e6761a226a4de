/** The names under which GitHub keeps what the workflow needs. A change here changes every user's repository. */

export const secretNames = {
  clientId: "TS_OAUTH_CLIENT_ID",
  clientSecret: "TS_OAUTH_SECRET",
  signingKey: "NIX_CACHE_SIGNING_KEY",
  sshKey: "NIX_CACHE_SSH_KEY",
} as const;

export const variableNames = {
  cacheUrl: "NIX_CACHE_URL",
  publicKeys: "NIX_CACHE_PUBLIC_KEYS",
  server: "NIX_CACHE_SERVER",
  sshPort: "NIX_CACHE_SSH_PORT",
  hostKey: "NIX_CACHE_HOST_KEY",
  tag: "NIX_CACHE_TAG",
  /** With workload identity, the client's id is public. */
  clientId: "TS_OAUTH_CLIENT_ID",
  audience: "TS_AUDIENCE",
} as const;

/** An expression of GitHub's workflow syntax, such as `${{ secrets.NAME }}`. */
export function expression(context: "secrets" | "vars" | "matrix" | "github", name: string): string {
  return `\${{ ${context}.${name} }}`;
}
