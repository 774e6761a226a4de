/** The stack's settings, a section each; `describe` texts become the editors' JSON schema. */
import { z } from "zod";
import * as field from "./fields.ts";

/** Where cache.nixos.org signs from: the one key that every Nix trusts as it comes. */
const cacheNixosOrg = {
  url: "https://cache.nixos.org",
  publicKey: "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=",
};

export const cache = z
  .strictObject({
    port: field.port.default(5000).describe("TCP port that machines of the tailnet read from"),
    priority: z.int().min(1).max(1000).default(50).describe("Nix asks lower numbers first; cache.nixos.org has 40"),
    upstreams: z
      .array(
        z.strictObject({
          url: z.url({ protocol: /^https?$/ }).describe("The substituter's address"),
          publicKey: field.nixPublicKey.describe("The key it signs with"),
        }),
      )
      .default([cacheNixosOrg])
      .describe("Substituters asked before this cache, in this order; what they have is never stored here"),
    connectTimeoutSeconds: z.int().min(1).max(60).default(2).describe("How long a client waits for an absent server"),
    downloadAttempts: z
      .int()
      .min(1)
      .max(10)
      .default(1)
      .describe("How often a client tries a download before it builds"),
    narinfoNegativeTtlSeconds: z
      .int()
      .min(0)
      .max(3600)
      .default(60)
      .describe("How long a client remembers that a path is absent; Nix's own default is an hour"),
  })
  .describe("How the cache is served and asked");

export const signing = z
  .strictObject({
    keys: z
      .array(field.keyName)
      .min(1)
      .default(["server-cache-1"])
      .describe(
        "Names of the server's signing keys: every one signs and is trusted. To rotate, add one; retire the old one last",
      ),
    directory: field.secretPath
      .default("/var/lib/secrets/nix-binary-cache")
      .describe("Where the secret halves lie on the server, mode 0400; they never leave it unencrypted"),
    escrow: z
      .array(field.ageRecipient)
      .default([])
      .describe(
        "age recipients of yours: each gets an encrypted copy of every signing key, for the day the server's disk is lost",
      ),
    retireUnconfirmed: z
      .boolean()
      .default(false)
      .describe(
        "Retire a key although some machine has not said that it trusts another one: after a leak, or without cachectl",
      ),
  })
  .describe("The keys that clients trust");

export const server = z
  .strictObject({
    name: field.hostName.describe("The server's name, as in its flake and on the tailnet"),
    address: field.address.describe("Its tailnet address; an IP is best, since CI on macOS has no MagicDNS to rely on"),
    hostKey: field.ed25519Key.describe(
      "Its ssh host key: ssh-keyscan -t ed25519 ADDRESS, checked on the server's own console",
    ),
    system: field.system.default("x86_64-linux").describe("What it builds for"),
    user: z.string().min(1).default("root").describe("Who deploys; must be root or be able to set the system profile"),
    sshPort: field.port.default(22).describe("The port of its ssh server"),
    ssh: z
      .enum(["openssh", "tailscale"])
      .default("openssh")
      .describe("Who answers on the ssh port: OpenSSH, or Tailscale SSH (then the policy gets ssh rules)"),
    flake: field.flakeReference.describe("The flake of its NixOS configuration, as the server itself resolves it"),
    configuration: field.hostName.default("server").describe("NAME in nixosConfigurations.NAME"),
    deployTimeoutSeconds: z
      .int()
      .min(60)
      .default(3600)
      .describe("After this long a deploy is given up and rolled back"),
  })
  .describe("The machine that is always on");

export const builder = z
  .strictObject({
    name: field.hostName.describe("The builder's name; its uploads are kept under it"),
    system: field.system.describe("What it builds for"),
    hook: z.boolean().default(true).describe("Whether its post-build hook is on"),
    install: z
      .enum(["module", "ssh"])
      .default("module")
      .describe(
        "module: the builder's own Nix configuration imports our module; ssh: Pulumi installs the hook over ssh",
      ),
    address: field.address.optional().describe("Its tailnet address: what the policy lets upload"),
    hostKey: field.ed25519Key.optional().describe("Its ssh host key; needed for install: ssh"),
    user: z.string().min(1).default("root").describe("Who installs over ssh; must be root"),
    sshPort: field.port.default(22).describe("The port of its ssh server"),
    sshKey: field.ed25519Key
      .optional()
      .describe("Public half of its upload key (`cachectl keys init` prints it); install: ssh finds it out"),
    signingKey: field.nixPublicKey
      .optional()
      .describe("Public half of its signing key (`cachectl keys init` prints it); install: ssh finds it out"),
    nixInstaller: z
      .enum(["nix", "determinate"])
      .default("nix")
      .describe("Which Nix it has: Determinate Nix owns nix.conf and brings a hook of its own, which is chained"),
  })
  .describe("A machine whose builds reach the cache");

export const client = z
  .strictObject({
    name: field.hostName.describe("The client's name"),
    system: field.system.describe("What it runs"),
    address: field.address.optional().describe("Its tailnet address"),
  })
  .describe("A machine that reads from the cache");

export const populate = z
  .strictObject({
    enabled: z.boolean().default(true).describe("Whether the server builds on a schedule"),
    flake: field.flakeReference.optional().describe("The flake to build; by default server.flake"),
    outputs: z
      .union([z.literal("discover"), z.array(field.flakeOutput)])
      .default("discover")
      .describe("discover: every configuration and package for the server's system; or a list of outputs"),
    schedule: field.calendar.default("daily").describe("When, as systemd writes it"),
    lock: z
      .enum(["committed", "update", "update-and-commit"])
      .default("committed")
      .describe("Build the committed lock; or an updated one as well; or push that update to a branch"),
    timeoutMinutes: z.int().min(1).default(120).describe("After this long one output is given up; the others go on"),
    memoryMax: field.bytes
      .default("8GiB")
      .describe("One output's evaluation may use this much memory, and all builds on the server together"),
  })
  .describe("The scheduled job that fills the cache");

export const retention = z
  .strictObject({
    diskBudget: field.bytes.default("100GiB").describe("What the kept closures may take together"),
    minFree: field.bytes.default("10GiB").describe("Below this much free space retention runs at once"),
    keepSystems: z.int().min(1).default(5).describe("The last systems kept of each machine"),
    keepPackages: z.int().min(1).default(3).describe("The last versions kept of each package per builder"),
    keepDays: z.int().min(1).default(30).describe("Beyond those, nothing older"),
    schedule: field.calendar.default("weekly").describe("When, as systemd writes it"),
  })
  .describe("What is kept, and within which budget");

export const uploads = z
  .strictObject({
    maxPathBytes: field.bytes.default("4GiB").describe("A larger path is not uploaded"),
    exclude: z.array(z.string().min(1)).default([]).describe("Store path names (shell patterns) that are not uploaded"),
    batchPaths: z.int().min(1).max(1000).default(200).describe("Paths that go over one connection"),
  })
  .describe("What builders upload");

/** A policy entry of the user's own making: whatever Tailscale accepts there. */
const policyEntry = z.record(z.string(), z.json());

export const tailnet = z
  .strictObject({
    tags: z
      .strictObject({
        cache: field.tag.default("tag:nix-cache").describe("The server's tag"),
        ci: field.tag.default("tag:nix-ci").describe("The tag of CI's short-lived nodes"),
      })
      .prefault({})
      .describe("This stack's tags: by them alone its entries in the policy are found, so each stack needs its own"),
    owners: z.array(z.string().min(1)).min(1).default(["autogroup:admin"]).describe("Who may assign the tags"),
    readers: z.array(z.string().min(1)).min(1).default(["autogroup:member"]).describe("Who may read from the cache"),
    tagServer: z
      .boolean()
      .default(false)
      .describe("Whether Pulumi puts the tag on the server's device (it loses its user)"),
    testUser: z
      .email()
      .optional()
      .describe(
        "A member for whom the policy's tests assert read access, and no more; Tailscale takes no autogroup there",
      ),
    policy: z
      .strictObject({
        requireDeny: z.boolean().default(true).describe("Refuse a policy in which CI reaches anything but the cache"),
        extra: z
          .strictObject({
            grants: z.array(policyEntry).default([]).describe("More grants; each must name one of this stack's tags"),
            tests: z.array(policyEntry).default([]).describe("More tests; each must name one of this stack's tags"),
          })
          .prefault({})
          .describe("Entries of your own that come and go with this stack"),
      })
      .prefault({})
      .describe("What is asked of the tailnet's policy"),
  })
  .describe("Who reaches what");

export const ci = z
  .strictObject({
    enabled: z.boolean().default(false).describe("Whether macOS CI fills the cache"),
    repository: field.repository.optional().describe("The repository whose workflow builds; needed when enabled"),
    auth: z
      .enum(["oauth-client", "workload-identity"])
      .default("oauth-client")
      .describe("How CI joins the tailnet: a stored secret, or GitHub's own identity token and no secret at all"),
    environment: z
      .string()
      .regex(/^[A-Za-z0-9_-]+$/)
      .default("nix-cache")
      .describe("The GitHub environment that holds its secrets"),
    branch: z.string().min(1).default("main").describe("The one branch that may publish"),
    runner: z
      .string()
      .min(1)
      .default("macos-15")
      .describe("The runner's label; macos-15 and macos-26 are Apple silicon"),
    clients: z
      // `pulumi config set --path` stores the name 2 as a number.
      .array(z.coerce.string<string | number>().regex(/^[a-z0-9-]{1,20}$/))
      .min(1)
      .default(["1"])
      .describe(
        "The credentials that exist, by name: GitHub is given the first. To rotate, put a new name first; take the old one out later",
      ),
    timeoutMinutes: z.int().min(5).max(360).default(120).describe("After this long a run is cancelled"),
    schedule: field.cron.default("0 4 * * 0").describe("When it runs besides pushes (UTC)"),
    paths: z
      .array(z.string().min(1))
      .default(["home/**", "system/**", "flake.nix", "flake.lock"])
      .describe("A push that changes none of these is left alone"),
    outputs: z
      .array(field.flakeOutput)
      .min(1)
      .default(["darwinConfigurations.macbook.system"])
      .describe("What it builds"),
    workflow: z
      .enum(["managed", "rendered", "off"])
      .default("rendered")
      .describe(
        "managed: Pulumi commits the workflow to the branch; rendered: you commit what `npm run workflow` prints; off",
      ),
  })
  .describe("The macOS runner");
