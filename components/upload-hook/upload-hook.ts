import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { BuilderConfig, StackConfig } from "../config.ts";
import { nixConf, type NixVars } from "../client-settings/index.ts";
import { payloadDigest } from "./payload.ts";

export interface UploadHookArgs {
  readonly builder: BuilderConfig;
  readonly config: Pick<StackConfig, "server" | "uploads" | "cache">;
  readonly nixVars: pulumi.Input<NixVars>;
  readonly privateKey: pulumi.Output<string> | undefined;
  /** Whether the machine answered a moment ago. */
  readonly awake: boolean;
}

/** Where the hook lies on every builder; the path that the proposal gave it. */
export const hookPath = "/etc/nix/upload-to-cache.sh";

/**
 * The post-build hook and its uploader on a builder that Pulumi reaches over ssh.
 *
 * A laptop is often asleep. `awake` decides what an update does then: nothing. The command's inputs are ignored, so
 * that nothing is to change until the machine answers again; and a first install that finds nobody succeeds as pending.
 */
export class UploadHook extends pulumi.ComponentResource {
  /** `{"sshKey", "signingKey"}` as JSON, or `{"pending": REASON}`. Not secret. */
  readonly publicHalves: pulumi.Output<string>;

  constructor(name: string, args: UploadHookArgs, opts?: pulumi.ComponentResourceOptions) {
    super("nix-binary-cache:builders:UploadHook", name, {}, opts);
    const script = "sh components/upload-hook/install-over-ssh.sh";
    const install = new local.Command(
      `${name}-install`,
      {
        create: `${script} install`,
        delete: `${script} remove`,
        environment: environmentOf(args),
        logging: "stderr",
        addPreviousOutputInEnv: false,
      },
      { parent: this, ignoreChanges: args.awake ? [] : ["environment", "create", "delete"] },
    );
    this.publicHalves = pulumi.unsecret(install.stdout).apply(lastLine);
    this.registerOutputs({ publicHalves: this.publicHalves });
  }
}

function environmentOf(args: UploadHookArgs): Record<string, pulumi.Input<string>> {
  const { builder, config } = args;
  return {
    TARGET_NAME: builder.name,
    TARGET_ADDRESS: builder.address ?? "",
    TARGET_PORT: String(builder.sshPort),
    TARGET_USER: builder.user,
    TARGET_HOST_KEY: builder.hostKey ?? "",
    TARGET_SYSTEM: builder.system,
    NIX_INSTALLER: builder.nixInstaller,
    NIX_CONF: pulumi.output(args.nixVars).apply((vars) => nixConf(vars, builder.hook ? hookPath : undefined)),
    BUILDER_CONFIG: builderConfig(builder, config),
    PAYLOAD_DIGEST: payloadDigest(),
    // A machine that was asleep at its first install is pending; this is what makes the next update install it.
    INSTALL: args.awake ? "now" : "when it answers",
    ...(args.privateKey && { DEPLOY_KEY: args.privateKey }),
  };
}

/** What `cachectl` on the builder reads from /var/lib/nix-binary-cache/config.json. */
export function builderConfig(
  builder: Pick<BuilderConfig, "name" | "system">,
  { server, uploads, cache }: UploadHookArgs["config"],
): string {
  const { address, sshPort, hostKey } = server;
  const settings = {
    name: builder.name,
    system: builder.system,
    server: { host: address, port: sshPort, user: "nix-push", hostKey },
    ...uploads,
    // What these signed, the server takes as it is; all else the builder signs.
    upstreamKeys: cache.upstreams.map(({ publicKey }) => publicKey.split(":")[0]),
  };
  return `${JSON.stringify(settings, null, 2)}\n`;
}

function lastLine(stdout: string): string {
  const line = stdout.trim().split("\n").at(-1) ?? "";
  if (line.startsWith("{")) return line;
  throw new pulumi.RunError(
    `[UploadHook] the installation answered ${JSON.stringify(line.slice(0, 120))}; expected JSON.`,
  );
}
