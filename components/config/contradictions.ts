/** What no single field can tell: settings that contradict each other or lack a partner. */
import type { Problem, SecretKey, StackConfig } from "../config.ts";

type Check = (config: StackConfig, secrets: ReadonlySet<SecretKey>) => Problem[];

const eachNameOnce: Check = ({ builders, clients }) =>
  (
    [
      ["builders", builders],
      ["clients", clients],
    ] as const
  ).flatMap(([key, machines]) => {
    const names = machines.map(({ name }) => name);
    return names.flatMap((name, index) =>
      names.indexOf(name) === index ? [] : [{ key: `${key}[${index}].name`, what: `"${name}" is there twice` }],
    );
  });

const ciNameIsFree: Check = ({ builders, ci }) =>
  builders.flatMap(({ name }, index) =>
    ci.enabled && name === "ci" ? [{ key: `builders[${index}].name`, what: '"ci" is the name of the CI builder' }] : [],
  );

/** A builder with install: module makes its keys itself, and only tells us the public halves. */
const moduleBuildersHaveKeys: Check = ({ builders }) =>
  builders.flatMap(({ name, install, sshKey, signingKey }, index) =>
    install === "ssh"
      ? []
      : Object.entries({ sshKey, signingKey })
          .filter(([, value]) => value === undefined)
          .map(([field]) => ({
            key: `builders[${index}].${field}`,
            what: `is missing; run \`sudo cachectl keys init\` on ${name} and copy what it prints`,
          })),
  );

const sshBuildersCanBeReached: Check = ({ builders }) =>
  builders.flatMap(({ install, address, hostKey }, index) =>
    install === "module"
      ? []
      : Object.entries({ address, hostKey })
          .filter(([, value]) => value === undefined)
          .map(([field]) => ({ key: `builders[${index}].${field}`, what: "is missing; install: ssh needs it" })),
  );

const ciIsComplete: Check = ({ ci, server }, secrets) => {
  if (!ci.enabled) return [];
  const problems: Problem[] = [];
  if (ci.repository === undefined) problems.push({ key: "ci.repository", what: "is missing; ci.enabled needs it" });
  const needed: SecretKey[] = server.ssh === "openssh" ? ["ciSigningKey", "ciSshKey"] : ["ciSigningKey"];
  for (const key of needed) {
    if (!secrets.has(key)) problems.push({ key, what: "is missing; ci.enabled needs it (`npm run ci-keys` makes it)" });
  }
  return problems;
};

/** tailscaled answers on port 22 of its own address, and on no other (tailscale's ipn/ipnlocal, ssh). */
const tailscaleSshPort: Check = ({ server: { ssh, sshPort } }) =>
  ssh === "tailscale" && sshPort !== 22
    ? [{ key: "server.sshPort", what: `found ${sshPort}; Tailscale SSH (server.ssh: tailscale) answers on 22 alone` }]
    : [];

/** Under Tailscale SSH no key is presented, so an address, which the tailnet gives out, is what tells builders apart. */
const tailscaleBuildersHaveAddresses: Check = ({ server, builders }) =>
  builders.flatMap(({ address, install }, index) =>
    server.ssh === "tailscale" && address === undefined && install === "module"
      ? [{ key: `builders[${index}].address`, what: "is missing; by it Tailscale SSH's server knows who uploads" }]
      : [],
  );

const tagsDiffer: Check = ({ tailnet: { tags } }) =>
  tags.cache === tags.ci ? [{ key: "tailnet.tags.ci", what: `is the cache's tag too: found "${tags.ci}" twice` }] : [];

const keysDiffer: Check = ({ signing }) =>
  signing.keys.flatMap((name, index) =>
    signing.keys.indexOf(name) === index ? [] : [{ key: `signing.keys[${index}]`, what: `"${name}" is there twice` }],
  );

/** CI never reaches a tailnet name, and Nix asks the lower priority first: the proposal's order must hold. */
const upstreamFirst: Check = ({ cache }) =>
  cache.upstreams.length > 0 && cache.priority <= 40
    ? [
        {
          key: "cache.priority",
          what: `found ${cache.priority}; must be above 40, or Nix asks it before cache.nixos.org`,
        },
      ]
    : [];

const extraEntriesAreOurs: Check = ({ tailnet: { tags, policy } }) =>
  (["grants", "tests"] as const).flatMap((kind) =>
    policy.extra[kind].flatMap((entry, index) => {
      const text = JSON.stringify(entry);
      return [tags.cache, tags.ci].some((tag) => text.includes(tag))
        ? []
        : [
            {
              key: `tailnet.policy.extra.${kind}[${index}]`,
              what: "names neither of this stack's tags, so it could not be taken out again",
            },
          ];
    }),
  );

const checks: readonly Check[] = [
  eachNameOnce,
  ciNameIsFree,
  moduleBuildersHaveKeys,
  sshBuildersCanBeReached,
  ciIsComplete,
  tailscaleSshPort,
  tailscaleBuildersHaveAddresses,
  tagsDiffer,
  keysDiffer,
  upstreamFirst,
  extraEntriesAreOurs,
];

/** Every contradiction, in the order of the settings. Empty: none. */
export function contradictions(config: StackConfig, secrets: ReadonlySet<SecretKey>): Problem[] {
  return checks.flatMap((check) => check(config, secrets));
}
