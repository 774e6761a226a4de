/** Double of tailscale(1): status, ip, ping, whois and version, out of what the lab wrote down of its tailnet. */
import { readFileSync } from "node:fs";

/** What the lab writes: this machine's name, and every node; and what a test has it say besides. */
interface Tailnet {
  readonly self: string;
  readonly nodes: readonly Node[];
  /** Fields of the status, and of this machine's own part in it. */
  readonly says?: object;
  readonly saysOfSelf?: object;
  /** Ends with this on stderr whatever is asked. */
  readonly fails?: string;
}

interface Node {
  readonly name: string;
  readonly address: string;
  readonly tags: readonly string[];
  readonly user: string;
  /** @default true */
  readonly online?: boolean;
  readonly lastSeen?: string;
  /** To a ping. @default true */
  readonly answers?: boolean;
}

const FILE = "/var/lib/lab/tailnet.json";
const DOMAIN = "tail0lab.ts.net";

function read(): Tailnet {
  const tailnet = JSON.parse(readFileSync(FILE, "utf8")) as Tailnet;
  return tailnet.fails === undefined ? tailnet : fail(tailnet.fails);
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function peer({ name, address, tags, user, online = true, lastSeen }: Node): object {
  return {
    ...{ HostName: name, DNSName: `${name}.${DOMAIN}.`, TailscaleIPs: [address], OS: "linux", UserID: user },
    ...{
      Online: online,
      ...(lastSeen !== undefined && { LastSeen: lastSeen }),
      ...(tags.length > 0 && { Tags: tags }),
    },
  };
}

function status({ self, nodes, says, saysOfSelf }: Tailnet, json: boolean): void {
  const own = nodes.find(({ name }) => name === self) ?? fail("not logged in");
  const others = nodes.filter(({ name }) => name !== self);
  if (!json) {
    for (const { address, name, user } of [own, ...others]) console.log(`${address}  ${name}  ${user}  linux  -`);
    return;
  }
  const peers = Object.fromEntries(others.map((node) => [`nodekey:${node.name}`, peer(node)]));
  const answer = {
    ...{ Version: "1.98.0-lab", BackendState: "Running", TailscaleIPs: [own.address] },
    Self: { ...peer(own), ...saysOfSelf },
    ...{ MagicDNSSuffix: DOMAIN, CurrentTailnet: { Name: "example.com", MagicDNSSuffix: DOMAIN }, Peer: peers },
    ...says,
  };
  console.log(JSON.stringify(answer, null, 2));
}

function whois({ nodes }: Tailnet, target: string, json: boolean): void {
  const address = target.replace(/:\d+$/, "");
  const node = nodes.find((each) => each.address === address) ?? fail("peer not found");
  const name = `${node.name}.${DOMAIN}.`;
  if (!json) {
    console.log(`Machine:\n  Name: ${name}\nUser:\n  Name: ${node.user}`);
    return;
  }
  const tags = node.tags.length > 0 ? { Tags: node.tags } : {};
  const found = { Name: name, ComputedName: node.name, Addresses: [`${address}/32`], ...tags };
  console.log(JSON.stringify({ Node: found, UserProfile: { LoginName: node.user } }, null, 2));
}

const args = process.argv.slice(2);
const [verb = "", target = ""] = args.filter((arg) => !arg.startsWith("-"));
const json = args.includes("--json");
switch (verb) {
  case "status":
    status(read(), json);
    break;
  case "ip": {
    const tailnet = read();
    const wanted = target === "" ? tailnet.self : target;
    const node = tailnet.nodes.find(({ name, address }) => [name, `${name}.${DOMAIN}`, address].includes(wanted));
    console.log((node ?? fail(`no such host ${wanted}`)).address);
    break;
  }
  // Tailscale's own ping passes by the packet filter, which nothing in here can: a machine that is known answers.
  case "ping": {
    const node = read().nodes.find(({ name, address }) => [name, address].includes(args.at(-1) ?? ""));
    if (node === undefined) fail("no matching peer");
    if (node.answers === false) fail("no reply");
    console.log(`pong from ${node.name} (${node.address}) via DERP(lab) in 5ms`);
    break;
  }
  case "whois":
    whois(read(), target, json);
    break;
  case "version":
    console.log("1.98.0-lab");
    break;
  default:
    fail(`tailscale: the lab's double does not know ${verb}`);
}
