/** A lab instance: one tailnet of machines. Several may live side by side; each has its own folder, names and addresses. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** What the machines are called; each is a role too. */
export const MACHINE_NAMES = ["server", "desktop", "macbook"] as const;

export type MachineName = (typeof MACHINE_NAMES)[number];

/** Everybody on the tailnet: the machines, and the operator, which is the host itself. */
export type PeerName = MachineName | "operator";

export interface Instance {
  /** One lowercase letter: "n" for `npm start`, "t" for the tests. */
  readonly id: string;
  /** Everything that the instance keeps; absolute. */
  readonly dir: string;
  /** Beginning of the names of its network namespaces and links. */
  readonly prefix: string;
  /** N in the addresses 100.80.N.x. */
  readonly subnet: number;
  readonly addresses: Readonly<Record<PeerName, string>>;
}

const ROOT = join(import.meta.dirname, "..", "..");
const HOST_NUMBERS: Readonly<Record<PeerName, number>> = { operator: 1, server: 10, desktop: 20, macbook: 30 };

/**
 * The instance with this id, whether or not it is there.
 *
 * @param dir default: .lab/ID in the project's folder
 * @throws Error when the id is not one lowercase letter
 */
export function instanceOf(id: string, dir = join(ROOT, ".lab", id)): Instance {
  if (!/^[a-z]$/.test(id)) throw new Error(`lab instance: found id ${JSON.stringify(id)}, expected one letter a to z.`);
  const subnet = id.charCodeAt(0) - "a".charCodeAt(0) + 1;
  const address = (peer: PeerName): string => `100.80.${subnet}.${HOST_NUMBERS[peer]}`;
  const addresses = {
    operator: address("operator"),
    server: address("server"),
    desktop: address("desktop"),
    macbook: address("macbook"),
  };
  return { id, dir, prefix: `nbc-${id}-`, subnet, addresses };
}

/** The same, with its folder, which is made when it is absent. */
export function openInstance(id: string, dir?: string): Instance {
  const instance = instanceOf(id, dir);
  mkdirSync(instance.dir, { recursive: true, mode: 0o755 });
  return instance;
}

/** Whether a text names a machine. */
export function isMachineName(text: string): text is MachineName {
  return (MACHINE_NAMES as readonly string[]).includes(text);
}
