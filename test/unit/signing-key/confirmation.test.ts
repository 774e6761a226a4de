/** Whether a key may go, by the word of the machines that trust it. */
import assert from "node:assert/strict";
import { stackSchema } from "../../../components/config.ts";
import { machinesOf } from "../../../components/client-settings/index.ts";
import type { Word } from "../../../components/signing-key/clients.ts";
import { addressesOf, checkConfirmed, type Reader } from "../../../components/signing-key/confirmation.ts";
import { retiredKeys } from "../../../components/signing-key/retirement.ts";

const [first, second] = ["server-cache-1", "server-cache-2"] as const;
const at = Date.UTC(2026, 10, 25, 13, 0);
const desktop: Reader = { name: "desktop", addresses: ["100.64.0.2"] };
const laptop: Reader = { name: "laptop", addresses: ["100.64.0.3", "fd7a:115c:a1e0::3"] };

/** What the retirement of the first key is refused with; undefined: it is not. */
function refusal(readers: readonly Reader[], words: readonly Word[]): string | undefined {
  try {
    checkConfirmed({ keys: [second], retired: [first], readers, words });
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

describe("a key that machines may still need", () => {
  it("stays while a machine says that it trusts only that: which, when, and what to do", () => {
    const said = refusal([desktop], [{ address: "100.64.0.2", keys: [first], at }]) ?? "";
    assert.match(said, /^signing\.keys: server-cache-1 can't be retired for server-cache-2 yet:$/m);
    const line =
      / {2}desktop \(100\.64\.0\.2\) said on 2026-11-25 13:00 UTC that it trusts only server-cache-1: switch it/;
    assert.match(said, line);
    assert.match(said, /signing\.retireUnconfirmed: true/);
  });

  it("stays while a machine has never said anything, or can't be told by its address: a line each", () => {
    const said = refusal([desktop, { name: "box", addresses: [] }, laptop], []) ?? "";
    assert.match(
      said,
      /^ {2}desktop \(100\.64\.0\.2\) never said which keys it trusts: run sudo cachectl doctor there\.$/m,
    );
    assert.match(said, /^ {2}box has no address.*set the address of clients' or builders' box\.$/m);
    assert.match(said, /^ {2}laptop \(100\.64\.0\.3, fd7a:115c:a1e0::3\) never said/m);
  });

  it("goes once every machine trusts one that stays, or none at all; the latest word counts", () => {
    const words = [
      { address: "100.64.0.2", keys: [first], at: at - 1000 },
      { address: "100.64.0.2", keys: [first, second], at },
      { address: "fd7a:115c:a1e0::3", keys: ["other-cache-1"], at },
      { address: "100.64.0.99", keys: [first], at },
    ];
    assert.equal(refusal([desktop, laptop], words), undefined);
    assert.equal(refusal([desktop], [{ address: "100.64.0.2", keys: [], at }]), undefined);
    assert.match(refusal([desktop], [...words, { address: "100.64.0.2", keys: [first], at: at + 1 }]) ?? "", /desktop/);
  });

  it("is one that machines were told of and that is on the list no more", () => {
    assert.deepEqual(retiredKeys([second], [`${first}:a=`, `${second}:b=`, `${first}:a=`]), [first]);
    assert.deepEqual(retiredKeys([first, second], [`${first}:a=`]), []);
    assert.deepEqual(retiredKeys([first], []), []);
  });
});

describe("the machines that read", () => {
  it("are clients and builders, each once, with the address that either says", () => {
    const server = { name: "server", address: "100.64.0.1", hostKey: `ssh-ed25519 ${"A".repeat(68)}`, flake: "f" };
    const { builders, clients } = stackSchema.parse({
      server,
      builders: [{ name: "desktop", system: "x86_64-linux", address: "100.64.0.2" }],
      clients: [
        { name: "desktop", system: "x86_64-linux" },
        { name: "box", system: "x86_64-linux" },
      ],
    });
    assert.deepEqual(machinesOf({ builders, clients }), [
      { name: "desktop", address: "100.64.0.2" },
      { name: "box", address: undefined },
    ]);
  });

  it("ask from the addresses that their names have", async () => {
    assert.deepEqual(await addressesOf("100.64.0.2"), ["100.64.0.2"]);
    assert.deepEqual(await addressesOf(undefined), []);
    assert.ok((await addressesOf("localhost")).some((address) => ["127.0.0.1", "::1"].includes(address)));
    assert.deepEqual(await addressesOf("no-such-machine.invalid"), []);
  });
});
