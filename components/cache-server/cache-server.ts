import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { connectionTo, quiet, scriptText, shellWords, type SshTarget } from "../ssh.ts";
import type { Inspection } from "./inspect.ts";

/** A builder as the server knows it: the keys by which it is recognised and its signatures are accepted. */
export interface RegisteredBuilder {
  readonly name: string;
  readonly system: string;
  /** `{"sshKey", "signingKey"}` as JSON, public halves; or `{"pending": REASON}` while the machine has none yet. */
  readonly publicHalves: pulumi.Input<string>;
}

export interface CacheServerArgs {
  readonly server: SshTarget;
  /** The flake and the NAME of its nixosConfigurations.NAME. */
  readonly flake: string;
  readonly configuration: string;
  /** What the server said that a deploy would do; the deploy runs again when its system differs. */
  readonly inspection: Inspection;
  /** Where clients read from, `http://ADDRESS:PORT`. */
  readonly url: string;
  /** Seconds after which a build or a switch is given up. */
  readonly timeoutSeconds: number;
  readonly publicKeys: pulumi.Input<string[]>;
  readonly builders: readonly RegisteredBuilder[];
}

/** Deploys the server's NixOS configuration, with a proof that it serves, and registers the builders on it. */
export class CacheServer extends pulumi.ComponentResource {
  /** The system that was deployed, a store path. */
  readonly toplevel: pulumi.Output<string>;
  /** Where clients read from; known only once the deploy has proved that it serves. */
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: CacheServerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("nix-binary-cache:cache:CacheServer", name, {}, opts);
    const deploy = new remote.Command(
      `${name}-deploy`,
      {
        connection: connectionTo(args.server),
        create: deployCommand(args),
        stdin: scriptText(new URL("./deploy.sh", import.meta.url)),
        ...quiet,
      },
      { parent: this },
    );
    const result = deploy.stdout.apply(readResult);
    this.toplevel = result.apply(({ toplevel }) => toplevel);
    this.url = result.apply(({ url }) => url);
    for (const builder of args.builders) this.register(name, builder, args.server, deploy);
    this.registerOutputs({ toplevel: this.toplevel, url: this.url });
  }

  /** The registration on the server is what lets a builder in; taking it off the list shuts it out. */
  private register(name: string, builder: RegisteredBuilder, server: SshTarget, deploy: remote.Command): void {
    const halves = pulumi.output(builder.publicHalves).apply((text) => JSON.parse(text) as PublicHalves);
    new remote.Command(
      `${name}-builder-${builder.name}`,
      {
        connection: connectionTo(server),
        // A machine that has no keys yet is let in by the update that finds some.
        create: halves.apply((known) => ("pending" in known ? "true" : "cachectl builders add")),
        delete: shellWords(["cachectl", "builders", "remove", builder.name]),
        stdin: halves.apply((known) => JSON.stringify({ name: builder.name, system: builder.system, ...known })),
        ...quiet,
      },
      { parent: this, dependsOn: [deploy] },
    );
  }
}

/** What a deploy is given. */
export interface Deploy extends Pick<CacheServerArgs, "flake" | "configuration" | "url" | "timeoutSeconds"> {
  /** The system that the preview said it would be, a store path. */
  readonly expected: string;
  /** The keys by which the proof trusts what it fetches. */
  readonly publicKeys: readonly string[];
}

/**
 * The deploy as one command, which reads deploy.sh from standard input. Every argument that matters stands in it, so
 * that the preview's diff shows the system that runs and the one that will.
 */
export function deployLine({ flake, configuration, expected, url, timeoutSeconds, publicKeys }: Deploy): string {
  const detached = "systemd-run --collect --wait --pipe --quiet --description=nix-binary-cache-deploy";
  const words = [flake, configuration, expected, url, String(timeoutSeconds), ...publicKeys];
  return `${detached} sh -s -- ${shellWords(words)}`;
}

function deployCommand(args: CacheServerArgs): pulumi.Output<string> {
  const expected = args.inspection.outPath;
  return pulumi.output(args.publicKeys).apply((publicKeys) => deployLine({ ...args, expected, publicKeys }));
}

/** Public halves of a builder's keys; or why it has none yet. */
type PublicHalves = Readonly<Record<string, string>>;

interface DeployResult {
  readonly toplevel: string;
  readonly url: string;
}

function readResult(stdout: string): DeployResult {
  const line = stdout.trim().split("\n").at(-1) ?? "";
  const result = JSON.parse(line) as Partial<DeployResult>;
  if (typeof result.toplevel === "string" && typeof result.url === "string") return result as DeployResult;
  throw new pulumi.RunError(
    `[CacheServer] the deploy answered ${JSON.stringify(line.slice(0, 120))}; expected its result as JSON.`,
  );
}
