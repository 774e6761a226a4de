import * as pulumi from "@pulumi/pulumi";
import type { StackConfig } from "../config.ts";

/** Public facts that machines' Nix configurations take from this stack: the shape of nix/vars/<stack>.json. */
export interface NixVars {
  readonly stack: string;
  readonly cache: {
    readonly url: string;
    /** `NAME:BASE64`, the newest first; all are trusted. */
    readonly publicKeys: readonly string[];
    readonly port: number;
    readonly priority: number;
    readonly upstreams: readonly { readonly url: string; readonly publicKey: string }[];
    readonly connectTimeoutSeconds: number;
    readonly downloadAttempts: number;
    readonly narinfoNegativeTtlSeconds: number;
  };
  readonly server: {
    readonly name: string;
    readonly address: string;
    readonly hostKey: string;
    readonly sshPort: number;
    /** Who answers there. */
    readonly ssh: "openssh" | "tailscale";
    /** The account that builders upload to. */
    readonly user: "nix-push";
    /** Where its configuration lies; what populate builds unless `populate.flake` says otherwise. */
    readonly flake: string;
  };
  readonly signing: { readonly keys: readonly string[]; readonly directory: string };
  readonly builders: readonly { readonly name: string; readonly system: string; readonly hook: boolean }[];
  /** Machines whose address is known: what `cachectl clients` calls them. */
  readonly machines: readonly { readonly name: string; readonly address: string }[];
  readonly populate: StackConfig["populate"];
  readonly retention: StackConfig["retention"];
  readonly uploads: StackConfig["uploads"];
}

export interface ClientSettingsArgs {
  readonly stack: string;
  readonly config: StackConfig;
  readonly url: pulumi.Input<string>;
  readonly publicKeys: pulumi.Input<string[]>;
}

/**
 * Every machine that reads from the cache, once: clients, and builders, which read as well. A client's address may stand
 * at the builder of its name.
 */
export function machinesOf({
  builders,
  clients,
}: Pick<StackConfig, "builders" | "clients">): { readonly name: string; readonly address: string | undefined }[] {
  const names = [...new Set([...clients, ...builders].map(({ name }) => name))];
  const addressOf = (name: string): string | undefined =>
    [...clients, ...builders].find((machine) => machine.name === name && machine.address !== undefined)?.address;
  return names.map((name) => ({ name, address: addressOf(name) }));
}

/** The address that clients read from. IPv6 addresses stand in brackets, as in every URL. */
export function cacheUrl({ server, cache }: Pick<StackConfig, "server" | "cache">): string {
  const host = server.address.includes(":") ? `[${server.address}]` : server.address;
  return `http://${host}:${cache.port}`;
}

/** Puts the facts together. Pure; holds nothing that is not public. */
export function nixVars(stack: string, config: StackConfig, url: string, publicKeys: readonly string[]): NixVars {
  const { cache, server, signing, builders, populate, retention, uploads } = config;
  return {
    stack,
    cache: { url, publicKeys, ...cache },
    server: {
      name: server.name,
      address: server.address,
      hostKey: server.hostKey,
      sshPort: server.sshPort,
      ssh: server.ssh,
      user: "nix-push",
      flake: server.flake,
    },
    signing: { keys: signing.keys, directory: signing.directory },
    builders: builders.map(({ name, system, hook }) => ({ name, system, hook })),
    machines: machinesOf(config).flatMap(({ name, address }) => (address === undefined ? [] : [{ name, address }])),
    populate,
    retention,
    uploads,
  };
}

/** What a client needs, as the stack's output; `npm run nix-vars` writes it to nix/vars/<stack>.json. */
export class ClientSettings extends pulumi.ComponentResource {
  readonly nixVars: pulumi.Output<NixVars>;

  constructor(name: string, args: ClientSettingsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("nix-binary-cache:clients:ClientSettings", name, {}, opts);
    this.nixVars = pulumi
      .all([args.url, args.publicKeys])
      .apply(([url, publicKeys]) => nixVars(args.stack, args.config, url, publicKeys));
    this.registerOutputs({ nixVars: this.nixVars });
  }
}
