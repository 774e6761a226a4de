import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { connectionTo, quiet, scriptText, shellWords, type SshTarget } from "../ssh.ts";

export interface KeyEscrowArgs {
  readonly server: SshTarget;
  /** Names of the keys. */
  readonly keys: readonly string[];
  /** Their public halves, `NAME:BASE64`, in the same order. */
  readonly publicKeys: pulumi.Input<string[]>;
  /** Where the secret halves lie on the server. */
  readonly directory: string;
  /** age recipients, `age1…` or `ssh-ed25519 …`; every copy is for all of them. Empty: no copies. */
  readonly recipients: readonly string[];
}

/**
 * Copies of the server's signing keys for the day its disk is lost, encrypted on the server to the user's own keys.
 *
 * age makes another text of the same key each time, so a copy is made anew only when the key or the recipients change:
 * both stand in its command. Declare it after the server's deploy, which brings age.
 */
export class KeyEscrow extends pulumi.ComponentResource {
  /** age's armored text by the key's name. Ciphertext: not secret. */
  readonly copies: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: KeyEscrowArgs, opts?: pulumi.ComponentResourceOptions) {
    super("nix-binary-cache:cache:KeyEscrow", name, {}, opts);
    const keys = args.recipients.length === 0 ? [] : args.keys;
    const texts = keys.map((key, index) => {
      const publicKey = pulumi.output(args.publicKeys).apply((halves) => halves[index] ?? "");
      return [key, this.copy(`${name}-${key}`, args, publicKey).stdout.apply(checkCopy)] as const;
    });
    this.copies = pulumi.output(Object.fromEntries(texts));
    this.registerOutputs({ copies: this.copies });
  }

  private copy(name: string, args: KeyEscrowArgs, publicKey: pulumi.Output<string>): remote.Command {
    const { server, directory, recipients } = args;
    return new remote.Command(
      name,
      {
        connection: connectionTo(server),
        create: publicKey.apply(
          (half) => `sh -s -- ${shellWords([directory, half, ...recipients.map(withoutComment)])}`,
        ),
        stdin: scriptText(new URL("./escrow.sh", import.meta.url)),
        logging: "stderr",
        ...quiet,
      },
      { parent: this },
    );
  }
}

/** Another comment makes no other recipient. */
function withoutComment(recipient: string): string {
  return recipient.split(" ").slice(0, 2).join(" ");
}

/** What an armored file of age looks like, with its end, so that no half of one is kept for a whole. */
const armored = /^-----BEGIN AGE ENCRYPTED FILE-----\n[A-Za-z0-9+/=\n]+\n-----END AGE ENCRYPTED FILE-----\n?$/;

/** Guards what somebody will need years from now against anything else on standard output. The text ends with a newline. */
export function checkCopy(text: string): string {
  if (armored.test(text)) return text.endsWith("\n") ? text : `${text}\n`;
  // Not shown: what this is nobody knows.
  throw new pulumi.RunError(
    `[KeyEscrow] the server answered with ${text.length} characters that are no armored file of age. ` +
      "Check that root's shell on the server prints nothing of its own when it is not interactive.",
  );
}
