/** A small program for the engine's own test: one resource of every kind that the doubles know, driven by its settings. */
import { local, remote } from "@pulumi/command";
import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import * as tailscale from "@pulumi/tailscale";
import type { SampleSettings } from "./settings.ts";

const config = new pulumi.Config();
const settings = config.requireObject<SampleSettings>("settings");
const { host, fleet, policy } = settings;

const here = new local.Command("here", {
  create: "pwd; node --input-type=module-typescript -e 'const v: string = `typed`; console.log(v)'; echo $GREETING",
  delete: `echo gone > ${settings.folder}/here-deleted`,
  environment: { GREETING: settings.greeting },
  logging: "none",
});

const there = new remote.Command(
  "there",
  {
    connection: { ...host, privateKey: config.requireSecret("privateKey"), dialErrorLimit: 1, perDialTimeout: 5 },
    create: `cat > ${settings.folder}/there && echo made`,
    delete: `rm ${settings.folder}/there`,
    stdin: config.requireSecret("note"),
  },
  { retainOnDelete: settings.retain },
);

// What a hook sees and does happens in the program's process: it may refuse.
function guard(moment: string): (args: pulumi.ResourceHookArgs) => void {
  return () => {
    console.log(`hook ${moment} ${settings.greeting}`);
    if (settings.refuse) throw new Error("the hook refuses");
  };
}

const acl = new tailscale.Acl(
  "policy",
  { acl: policy, overwriteExistingContent: true },
  {
    hooks: { beforeCreate: [guard("beforeCreate")], beforeUpdate: [guard("beforeUpdate")] },
    ignoreChanges: settings.ignorePolicy ? ["acl"] : [],
    retainOnDelete: true,
  },
);
const credential = new tailscale.OauthClient(
  "credential",
  { scopes: ["auth_keys"], tags: ["tag:ci"], description: "sample" },
  { dependsOn: acl },
);
const identity = new tailscale.FederatedIdentity(
  "identity",
  {
    issuer: "https://token.actions.githubusercontent.com",
    subject: `repo:${fleet}:environment:cache`,
    scopes: ["auth_keys"],
    tags: ["tag:ci"],
  },
  { dependsOn: acl },
);

const [owner = "", repository = ""] = fleet.split("/");
const provider = new github.Provider("github", { owner });
const opts = { provider };
const environment = new github.RepositoryEnvironment(
  "environment",
  {
    repository,
    environment: "cache",
    deploymentBranchPolicy: { protectedBranches: false, customBranchPolicies: true },
  },
  opts,
);
const place = { repository, environment: environment.environment };
new github.RepositoryEnvironmentDeploymentPolicy("branch", { ...place, branchPattern: "main" }, opts);
new github.ActionsEnvironmentVariable(
  "id",
  { ...place, variableName: "TS_OAUTH_CLIENT_ID", value: credential.id },
  opts,
);
new github.ActionsEnvironmentSecret(
  "secret",
  { ...place, secretName: "TS_OAUTH_SECRET", value: credential.key },
  { ...opts, ignoreChanges: ["remoteUpdatedAt"] },
);
new github.RepositoryFile(
  "file",
  { repository, branch: "main", file: "cache.txt", content: `${settings.greeting}\n` },
  opts,
);
if (settings.sleepSeconds > 0) {
  new local.Command("slow", { create: `echo $$ > ${settings.folder}/pid; exec sleep ${settings.sleepSeconds}` });
}

export const words = here.stdout;
export const made = there.stdout;
export const key = credential.key;
export const audience = identity.audience;
