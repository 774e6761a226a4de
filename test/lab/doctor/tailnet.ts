/** Breakages of the tailnet, and on the way to the server. The lab's tailscale is a double: what it says is told to it. */
import { readFileSync } from "node:fs";
import type { MachineName } from "../instance.ts";
import { USERS_POLICY } from "../world/stand-ins.ts";
import {
  ago,
  away,
  both,
  type Breakage,
  type Change,
  commands,
  day,
  edited,
  editedJson,
  hour,
  policy,
} from "./breakage.ts";

interface Tailnet {
  readonly nodes: readonly { readonly name: string }[];
}

const TAILNET = "/var/lib/lab/tailnet.json";
const on: MachineName = "desktop";

/** The desktop's tailscale says other things of itself. */
const says = (status: object): Change => editedJson(on, TAILNET, (tailnet) => ({ ...tailnet, says: status }));

const self = (fields: object): Change => editedJson(on, TAILNET, (tailnet) => ({ ...tailnet, saysOfSelf: fields }));

/** It shows the server otherwise, or not at all. */
const server = (fields: object | undefined): Change =>
  editedJson(on, TAILNET, (tailnet) => {
    const { nodes } = tailnet as unknown as Tailnet;
    const others = nodes.flatMap((node) => (node.name !== "server" ? node : fields ? { ...node, ...fields } : []));
    return { ...tailnet, nodes: others };
  });

/** The server's packets vanish. */
const unreachable: Change = {
  breaks: ({ machines }) => machines.server.cut(),
  mends: ({ machines }) => machines.server.restore(),
};

/** A substituter by another name, in place of the server's address. */
const named = (host: string): Change =>
  edited(on, "/etc/nix/nix.conf", (text) => text.replace(/^substituters = .*$/m, `substituters = http://${host}:5000`));

const route = (kind: string): Change => ({
  breaks: ({ machines }) => machines[on].must(["ip", "route", "add", kind, machines.server.address]),
  mends: ({ machines }) => machines[on].must(["ip", "route", "del", kind, machines.server.address]),
});

const tailnet = { on, check: "tailnet" } as const;
const warning = "warning";

export const tailnetBreakages: readonly Breakage[] = [
  {
    what: "no Tailscale",
    ...tailnet,
    ...away(on, "/usr/local/bin/tailscale"),
    says: /Tailscale is not installed here/,
  },
  {
    what: "tailscaled does not run",
    ...tailnet,
    ...editedJson(on, TAILNET, (known) => ({ ...known, fails: "failed to connect to local tailscaled" })),
    says: /gives no answer: failed to connect/,
  },
  { what: "logged out", ...tailnet, ...says({ BackendState: "NeedsLogin" }), says: /logged out/ },
  { what: "not approved", ...tailnet, ...says({ BackendState: "NeedsMachineAuth" }), says: /waits for approval/ },
  { what: "tailscale is down", ...tailnet, ...says({ BackendState: "Stopped" }), says: /down here \(Stopped\)/ },
  { what: "the machine's key has expired", ...tailnet, ...self({ KeyExpiry: ago(hour) }), says: /key has expired/ },
  { what: "no control server", ...tailnet, ...self({ Online: false }), says: /without a connection/ },
  {
    what: "the machine's key expires soon",
    ...tailnet,
    ...self({ KeyExpiry: ago(-7 * day) }),
    level: warning,
    says: /expires in [78] days/,
  },
  {
    what: "tailscale complains",
    ...tailnet,
    ...says({ Health: ["router: iptables failed"] }),
    level: warning,
    says: /a complaint: router/,
  },
  {
    what: "the name does not resolve",
    on,
    ...named("cache.invalid"),
    check: "name",
    says: /cache\.invalid does not/,
    also: ["daemon"],
  },
  {
    what: "the name is another address's",
    on,
    ...both(
      named("cache.tail0lab.ts.net"),
      edited(on, "/etc/hosts", (text) => `${text}127.0.0.1 cache.tail0lab.ts.net\n`),
    ),
    check: "name",
    level: warning,
    says: /resolves to 127\.0\.0\.1, which is no tailnet address/,
    also: ["port", "daemon"],
  },
  {
    what: "no substituter is the cache",
    on,
    ...edited(on, "/etc/nix/nix.conf", (text) => text.replace(/^substituters = .*$/m, "substituters =")),
    check: "name",
    says: /no substituter of this machine's Nix is the cache/,
    also: ["daemon"],
  },
  {
    what: "the server sleeps",
    on,
    ...both(unreachable, server({ online: false, lastSeen: ago(hour) })),
    check: "port",
    says: /is silent: the server is offline, last seen/,
  },
  {
    what: "the server does not answer, though it is said to be online",
    on,
    ...both(unreachable, server({ answers: false })),
    check: "policy",
    says: /does not answer the tailnet's ping either/,
    also: ["port"],
  },
  { what: "packets vanish", on, ...unreachable, check: "port", says: /gives no answer/, also: ["policy"] },
  { what: "no route", on, ...route("unreachable"), check: "port", says: /no route to/ },
  { what: "a route that is forbidden", on, ...route("prohibit"), check: "port", says: /EACCES/ },
  {
    what: "a policy that has nothing of ours",
    on: "macbook",
    ...policy(() => readFileSync(USERS_POLICY, "utf8")),
    check: "policy",
    says: /answers the tailnet's ping, not port 5000: the policy forbids it/,
    also: ["port", "ssh"],
  },
  {
    what: "a policy that does not show the server",
    on,
    ...both(
      policy(() => readFileSync(USERS_POLICY, "utf8")),
      server(undefined),
    ),
    check: "policy",
    says: /the tailnet shows this machine no 100\..*: the policy lets it reach nothing there/,
    also: ["port"],
  },
  {
    what: "a policy without ssh",
    on: "macbook",
    ...policy((text) =>
      text
        .replaceAll('"tcp:22", ', "")
        .replaceAll('"tag:nix-cache:22", "tag:nix-cache:5000"', '"tag:nix-cache:5000"')
        .replace('"*:22"', '"*:2222"'),
    ),
    check: "ssh",
    says: /ssh port gives no answer: the policy forbids it/,
  },
  {
    what: "nginx is stopped",
    on: "macbook",
    ...commands("server", ["systemctl", "stop", "nginx"], ["systemctl", "start", "nginx"]),
    check: "port",
    says: /refuses: the server is there, nothing listens/,
  },
];
