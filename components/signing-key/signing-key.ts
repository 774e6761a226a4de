import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { connectionTo, quiet, scriptText, shellWords, type SshTarget } from "../ssh.ts";

export interface SigningKeyArgs {
  readonly server: SshTarget;
  /** Names of the keys; the first is the one that clients see first, all of them sign. At least one. */
  readonly keys: readonly string[];
  /** Where the secret halves lie on the server, as `NAME.secret`, mode 0400. */
  readonly directory: string;
}

/**
 * The server's signing keys, made on the server, in their place. Only public halves come back.
 *
 * Taking a name off the list, or destroying the stack, leaves the key on the server: what it signed is out there, and
 * the next `pulumi up` takes the same key up again. `protect` would forbid destroying the stack at all, for a key that
 * no operation of ours ever deletes.
 */
export class SigningKey extends pulumi.ComponentResource {
  /** Public halves, `NAME:BASE64`, in the order of `keys`. Not secret. */
  readonly publicKeys: pulumi.Output<string[]>;
  /** The commands that made the keys, for `dependsOn`. */
  readonly commands: readonly pulumi.Resource[];

  constructor(name: string, args: SigningKeyArgs, opts?: pulumi.ComponentResourceOptions) {
    super("nix-binary-cache:cache:SigningKey", name, {}, opts);
    const commands = args.keys.map(
      (key) =>
        new remote.Command(
          `${name}-${key}`,
          {
            connection: connectionTo(args.server),
            create: `sh -s -- ${shellWords([args.directory, key])}`,
            stdin: scriptText(new URL("./generate.sh", import.meta.url)),
            logging: "stderr",
            ...quiet,
          },
          { parent: this, retainOnDelete: true },
        ),
    );
    this.commands = commands;
    this.publicKeys = pulumi.all(commands.map(({ stdout }) => stdout)).apply((halves) => halves.map(checkPublicKey));
    this.registerOutputs({ publicKeys: this.publicKeys });
  }
}

/** Guards what every client will trust against a shell's greeting or an error on standard output. */
export function checkPublicKey(text: string): string {
  if (/^[^:\s]+:[A-Za-z0-9+/]{43}=$/.test(text)) return text;
  throw new pulumi.RunError(
    `[SigningKey] the server answered with ${JSON.stringify(text.slice(0, 80))}; expected one line NAME:BASE64. ` +
      "Check that root's shell on the server prints nothing of its own when it is not interactive.",
  );
}
