/** The steps of the workflow's job, in the order in which they run. */
import { readFileSync } from "node:fs";
import { type Action, checkout, installNix, tailscale, tailscaleVersion } from "./actions.ts";
import { expression, secretNames, variableNames } from "./names.ts";

/** A step as GitHub's workflow syntax has it. */
export interface Step {
  readonly name: string;
  readonly if?: string;
  readonly uses?: Action;
  readonly with?: Readonly<Record<string, string | boolean>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly run?: string;
  readonly "timeout-minutes"?: number;
}

/** What decides which steps there are. */
export interface StepSettings {
  /** How the runner joins the tailnet. */
  readonly auth: "oauth-client" | "workload-identity";
  /** Who answers at the server's ssh port: with OpenSSH the runner needs a key. */
  readonly ssh: "openssh" | "tailscale";
}

/** The programs of the steps are files, checked and tested as such; the workflow carries their text. */
function program(file: string): string {
  const text = readFileSync(new URL(`../../nix/ci/${file}`, import.meta.url), "utf8");
  return text.replace(/^#!.*\n/, "");
}

function joinTailnet(auth: StepSettings["auth"]): Step {
  const identity: Record<string, string> =
    auth === "workload-identity"
      ? {
          "oauth-client-id": expression("vars", variableNames.clientId),
          audience: expression("vars", variableNames.audience),
        }
      : {
          "oauth-client-id": expression("secrets", secretNames.clientId),
          "oauth-secret": expression("secrets", secretNames.clientSecret),
        };
  return {
    name: "Join the tailnet",
    uses: tailscale,
    with: { ...identity, tags: expression("vars", variableNames.tag), version: tailscaleVersion },
    // The action compiles its client inside the checkout, where a go.work of the repository would get in the way.
    env: { GOWORK: "off" },
    "timeout-minutes": 15,
  };
}

function connect(ssh: StepSettings["ssh"]): Step {
  const key: Record<string, string> =
    ssh === "openssh" ? { NIX_CACHE_SSH_KEY: expression("secrets", secretNames.sshKey) } : {};
  return {
    name: "Connect to the cache",
    env: {
      NIX_CACHE_SERVER: expression("vars", variableNames.server),
      NIX_CACHE_SSH_PORT: expression("vars", variableNames.sshPort),
      NIX_CACHE_HOST_KEY: expression("vars", variableNames.hostKey),
      ...key,
    },
    run: program("connect.sh"),
    "timeout-minutes": 5,
  };
}

/** The cache comes after the public one (its priority says so) and a build goes on without it. */
const nixConfig = [
  `extra-substituters = ${expression("vars", variableNames.cacheUrl)}`,
  `extra-trusted-public-keys = ${expression("vars", variableNames.publicKeys)}`,
  "connect-timeout = 5",
  "fallback = true",
  // A runner that lives on would else believe for an hour that the cache lacks what it asked for too early.
  "narinfo-cache-negative-ttl = 60",
  "",
].join("\n");

/** All steps. The runner connects before it builds, so that it fetches from the cache and builds only what is new. */
export function steps({ auth, ssh }: StepSettings): Step[] {
  const output = { NIX_CACHE_OUTPUT: expression("matrix", "output") };
  const server = { NIX_CACHE_SERVER: expression("vars", variableNames.server) };
  const signingKey = { NIX_CACHE_SIGNING_KEY: expression("secrets", secretNames.signingKey) };
  return [
    { name: "Check out", uses: checkout, with: { "persist-credentials": false } },
    joinTailnet(auth),
    { name: "Repair DNS", env: server, run: program("dns.sh"), "timeout-minutes": 3 },
    connect(ssh),
    { name: "Install Nix", uses: installNix, with: { extra_nix_config: nixConfig }, "timeout-minutes": 15 },
    { name: "Build", env: output, run: program("build.sh") },
    { name: "Sign", env: signingKey, run: program("sign.sh"), "timeout-minutes": 10 },
    { name: "Announce", run: program("announce.sh"), "timeout-minutes": 10 },
    { name: "Copy", run: program("copy.sh") },
    { name: "Commit", run: program("commit.sh"), "timeout-minutes": 10 },
    { name: "Finish", if: "always()", env: output, run: program("finish.sh"), "timeout-minutes": 5 },
  ];
}
