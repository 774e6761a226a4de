/** The question of a machine's host key. */
import * as field from "../../components/config/fields.ts";
import { checkedBy, type Interview } from "./context.ts";

/** Scans, shows the fingerprint, and has a person confirm it; nobody there: the key or the trust must have been given. */
export async function askHostKey(
  { asker, given, before, sources }: Interview,
  { name, address, port, machine }: { name: string; address: string | undefined; port: number; machine?: string },
): Promise<string | undefined> {
  const known = machine === undefined ? given.values["host-key"] : given.machines[machine]?.hostKey;
  const earlier = machine === undefined ? before.values["host-key"] : before.machines[machine]?.hostKey;
  if (known !== undefined) return known;
  const flag =
    machine === undefined
      ? "--host-key (or --trust-host-keys)"
      : `--answers: machines.${machine}.hostKey (or --trust-host-keys)`;
  const question = { flag, text: `Host key of ${name}, "ssh-ed25519 AAAA…"`, check: checkedBy(field.ed25519Key) };
  const scanned = earlier !== undefined || address === undefined ? undefined : await sources.scanHostKey(address, port);
  if (scanned !== undefined && "key" in scanned) {
    asker.tell(
      `\n${name} (${address ?? ""}) shows the host key ${scanned.fingerprint}\n` +
        `On its own console, this prints the true one: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`,
    );
    if (given.trustHostKeys) return scanned.key;
    const same = await asker.ask({ flag, text: "Is it the same? yes, or the true key", check: yesOr(question.check) });
    return same === "yes" ? scanned.key : same;
  }
  if (scanned !== undefined) asker.tell(`\nThe host key of ${name} was not found: ${scanned.reason}`);
  return await asker.ask({ ...question, default: earlier });
}

function yesOr(check: (answer: string) => string | undefined): (answer: string) => string | undefined {
  return (text) => (text === "yes" ? undefined : check(text));
}
