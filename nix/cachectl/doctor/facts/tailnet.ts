/** What the tailnet's client on this machine says. */
import { fieldsOf, parseJson, textsOf } from "../../lib/json.ts";
import { lastWords, run, type RunResult } from "../../lib/run.ts";
import { shared, type Machine } from "../machine.ts";

/** Another machine of the tailnet, or this one. */
export interface TailnetNode {
  /** `server.example.ts.net`, without the last dot. */
  readonly dnsName: string;
  readonly hostName: string;
  readonly addresses: readonly string[];
  readonly online: boolean;
  readonly lastSeen: string | undefined;
  /** When its key ends, as in ISO 8601; undefined: never. */
  readonly keyExpiry: string | undefined;
}

export interface TailnetStatus {
  /** `Running` when all is well; else `Stopped`, `NeedsLogin`, `NeedsMachineAuth`, `Starting`, `NoState`. */
  readonly state: string;
  readonly self: TailnetNode;
  readonly peers: readonly TailnetNode[];
  /** What the client itself complains about. */
  readonly health: readonly string[];
}

/** `absent`: the program is not installed; a text: why it gave no answer. */
export type TailnetAnswer = TailnetStatus | "absent" | { readonly problem: string };

const milliseconds = 3000;
/** Where the Mac's app has it, which is on no PATH. */
const macProgram = "/Applications/Tailscale.app/Contents/MacOS/Tailscale";

/** Asks `tailscale status --json`. Never rejects. */
export const tailnet = shared(async (machine): Promise<TailnetAnswer> => {
  let answer = await ask(machine, "tailscale");
  if (isAbsent(answer) && process.platform === "darwin") answer = await ask(machine, macProgram);
  if (isAbsent(answer)) return "absent";
  const parsed = parseJson(answer.stdout);
  // A client that is stopped says so in the answer, and with its exit status besides.
  return fieldsOf(parsed).has("BackendState") ? parseTailnet(parsed) : { problem: lastWords(answer) };
});

function ask(machine: Machine, program: string): Promise<RunResult> {
  return run(program, ["status", "--json"], { env: machine.env, timeout: milliseconds, stop: machine.stop });
}

function isAbsent({ status, stderr }: RunResult): boolean {
  return status === null && stderr.includes("ENOENT");
}

/** Reads the answer (tailscale, ipn/ipnstate/ipnstate.go: Status and PeerStatus). */
export function parseTailnet(answer: unknown): TailnetStatus {
  const fields = fieldsOf(answer);
  const state = fields.get("BackendState");
  return {
    state: typeof state === "string" ? state : "unknown",
    self: nodeOf(fields.get("Self")),
    peers: [...fieldsOf(fields.get("Peer")).values()].map(nodeOf),
    health: textsOf(fields.get("Health")),
  };
}

function nodeOf(value: unknown): TailnetNode {
  const fields = fieldsOf(value);
  const text = (name: string): string => {
    const found = fields.get(name);
    return typeof found === "string" ? found : "";
  };
  // "0001-01-01T00:00:00Z" is Go's way to say never.
  const time = (name: string): string | undefined =>
    text(name) === "" || text(name).startsWith("0001-") ? undefined : text(name);
  return {
    dnsName: text("DNSName").replace(/\.$/, ""),
    hostName: text("HostName"),
    addresses: textsOf(fields.get("TailscaleIPs")),
    online: fields.get("Online") === true,
    lastSeen: time("LastSeen"),
    keyExpiry: time("KeyExpiry"),
  };
}

/** The peer that has a name or an address; this machine too. */
export function nodeNamed(status: TailnetStatus, host: string): TailnetNode | undefined {
  const wanted = host.toLowerCase().replace(/\.$/, "");
  return [status.self, ...status.peers].find(
    ({ dnsName, hostName, addresses }) =>
      [dnsName, dnsName.split(".")[0], hostName].some((name) => name?.toLowerCase() === wanted) ||
      addresses.includes(wanted),
  );
}

/** Whether an address or name is one that only a tailnet has: 100.64.0.0/10, fd7a:115c:a1e0::/48, *.ts.net. */
export function isTailnetAddress(host: string): boolean {
  const [, second] = /^100\.(\d{1,3})\.\d{1,3}\.\d{1,3}$/.exec(host) ?? [];
  if (second !== undefined) return Number(second) >= 64 && Number(second) <= 127;
  return host.toLowerCase().startsWith("fd7a:115c:a1e0:") || /\.ts\.net\.?$/i.test(host);
}
