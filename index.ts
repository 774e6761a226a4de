/** One private Nix binary cache on a tailnet: what it is made of, and how the parts hold together. */
import { registeredBuilders } from "./components/builders.ts";
import { CacheServer } from "./components/cache-server/index.ts";
import { CiPublisher, githubProvider } from "./components/ci-publisher/index.ts";
import { cacheUrl as urlOf, ClientSettings } from "./components/client-settings/index.ts";
import { loadConfig } from "./components/config.ts";
import { gatherFacts } from "./components/facts.ts";
import { KeyEscrow, SigningKey } from "./components/signing-key/index.ts";
import type { SshTarget } from "./components/ssh.ts";
import { TailnetAccess } from "./components/tailnet-access/index.ts";
import { UploadHook } from "./components/upload-hook/index.ts";

const loaded = loadConfig();
const { config, secrets, stack } = loaded;
const facts = await gatherFacts(loaded);
const server: SshTarget = { ...config.server, port: config.server.sshPort, privateKey: secrets.deployKey };

const tailnet = new TailnetAccess("tailnet", {
  plan: facts.tailnet,
  tagServer: config.tailnet.tagServer ? config.server : undefined,
});

const { keys, directory, escrow: recipients } = config.signing;
const signingKey = new SigningKey("signing-key", { server, keys, directory });

const clients = new ClientSettings("clients", { stack, config, url: urlOf(config), publicKeys: signingKey.publicKeys });

const hooks = new Map(
  config.builders
    .filter(({ install }) => install === "ssh")
    .map((builder) => [
      builder.name,
      new UploadHook(builder.name, {
        builder,
        config,
        nixVars: clients.nixVars,
        privateKey: secrets.deployKey,
        awake: facts.awake.has(builder.name),
      }),
    ]),
);

const ci =
  facts.ci &&
  new CiPublisher(
    "ci",
    {
      ...config.ci,
      stack,
      repository: facts.ci.repository,
      repositoryId: facts.ci.id,
      ownerId: facts.ci.ownerId,
      environment: facts.ci.environment,
      workflow: facts.ci.workflow,
      tag: config.tailnet.tags.ci,
      tailnetPolicy: tailnet.policy,
      cacheUrl: urlOf(config),
      publicKeys: signingKey.publicKeys,
      server: config.server,
      signingKey: facts.ci.signingKey,
      sshKey: secrets.ciSshKey,
    },
    { providers: [githubProvider("github", facts.ci.repository)] },
  );

const cache = new CacheServer(
  "cache",
  {
    server,
    flake: config.server.flake,
    configuration: config.server.configuration,
    inspection: facts.inspection,
    url: urlOf(config),
    timeoutSeconds: config.server.deployTimeoutSeconds,
    publicKeys: signingKey.publicKeys,
    builders: registeredBuilders(config, hooks, ci),
  },
  { dependsOn: [tailnet] },
);

const copies = new KeyEscrow(
  "key-escrow",
  { server, keys, directory, recipients, publicKeys: signingKey.publicKeys },
  { dependsOn: [cache] },
);

/** Where machines read from, proved by the deploy. */
export const cacheUrl = cache.url;
/** What clients trust. */
export const publicKeys = signingKey.publicKeys;
/** Encrypted copies of the signing keys, by name: `npm run escrow -- --stack STACK --out FOLDER` keeps them. */
export const escrow = copies.copies;
/** The system that the server runs. */
export const toplevel = cache.toplevel;
/** Public facts for machines' Nix configurations: `npm run nix-vars -- STACK` writes them to nix/vars. */
export const nixVars = clients.nixVars;
/** Which workflow CI has to have; a repository that commits it itself gets it from `npm run workflow -- --stack STACK`. */
export const ciWorkflow = facts.ci?.told ?? null;
