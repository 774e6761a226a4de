/** Whether every machine would still trust a key of the cache's without those that are retired: by its own word. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Word } from "./clients.ts";

/** A machine that reads from the cache, and where it asks from: IP addresses; none where nobody knows. */
export interface Reader {
  readonly name: string;
  readonly addresses: readonly string[];
}

export interface Retirement {
  /** Names of the keys that stay, and of those that go. */
  readonly keys: readonly string[];
  readonly retired: readonly string[];
  readonly readers: readonly Reader[];
  readonly words: readonly Word[];
}

/** @throws Error with a line for each machine that would be left without a key, or of which nobody knows */
export function checkConfirmed(retirement: Retirement): void {
  const problems = retirement.readers.flatMap((reader) => problemOf(retirement, reader) ?? []);
  if (problems.length === 0) return;
  const { retired, keys } = retirement;
  throw new Error(
    [
      `signing.keys: ${retired.join(", ")} can't be retired for ${keys.join(", ")} yet:`,
      ...problems.map((problem) => `  ${problem}`),
      "  Keep it on the list until then. After a leak, or for machines without cachectl: signing.retireUnconfirmed: true " +
        "retires it all the same, and they build what they can't verify. docs/rotating-keys.md",
    ].join("\n"),
  );
}

function problemOf({ keys, retired, words }: Retirement, { name, addresses }: Reader): string | undefined {
  if (addresses.length === 0)
    return `${name} has no address, so nobody knows its word: set the address of clients' or builders' ${name}.`;
  const [word] = words.filter(({ address }) => addresses.includes(address)).sort((a, b) => b.at - a.at);
  const who = `${name} (${addresses.join(", ")})`;
  if (word === undefined) return `${who} never said which keys it trusts: run sudo cachectl doctor there.`;
  // A machine that trusts none of the cache's keys has nothing to lose.
  const [left, lost] = [keys, retired].map((names) => word.keys.filter((key) => names.includes(key)));
  if (lost?.length === 0 || left?.length !== 0) return undefined;
  return (
    `${who} said on ${shown(word.at)} that it trusts only ${word.keys.join(", ")}: ` +
    "switch it to the new nix/vars, and run sudo cachectl doctor there."
  );
}

function shown(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

const lookupMilliseconds = 5000;

/** The addresses that a name has, as this machine resolves it; an IP address is its own. None when nothing answers in time. */
export async function addressesOf(address: string | undefined): Promise<readonly string[]> {
  if (address === undefined || isIP(address) !== 0) return address === undefined ? [] : [address];
  const found = lookup(address, { all: true }).then(
    (all) => all.map((each) => each.address),
    () => [],
  );
  return Promise.race([found, sleep(lookupMilliseconds, [], { ref: false })]);
}
