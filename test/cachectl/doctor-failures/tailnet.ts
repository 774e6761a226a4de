/** On the way to the tailnet. */
import { type Failure, hour, day, ago } from "./failure.ts";

export const tailnet: readonly Failure[] = [
  {
    what: "logged out of the tailnet",
    on: "client",
    provoke: (world) => (world.tailnet = { BackendState: "NeedsLogin" }),
    check: "tailnet",
    level: "failure",
    says: /logged out/,
  },
  {
    what: "the tailnet is down",
    on: "client",
    provoke: (world) => (world.tailnet = { BackendState: "Stopped" }),
    check: "tailnet",
    level: "failure",
    says: /down here \(Stopped\)/,
  },
  {
    what: "not approved yet",
    on: "client",
    provoke: (world) => (world.tailnet = { BackendState: "NeedsMachineAuth" }),
    check: "tailnet",
    level: "failure",
    says: /waits for approval/,
  },
  {
    what: "this machine's key has expired",
    on: "client",
    provoke: (world) => (world.tailnet = { ...world.tailnet, Self: { Online: true, KeyExpiry: ago(hour) } }),
    check: "tailnet",
    level: "failure",
    says: /key has expired/,
  },
  {
    what: "this machine's key expires in a week",
    on: "client",
    provoke: (world) => (world.tailnet = { ...world.tailnet, Self: { Online: true, KeyExpiry: ago(-7 * day) } }),
    check: "tailnet",
    level: "warning",
    says: /expires in 7 days/,
  },
  {
    what: "no connection to the control server",
    on: "client",
    provoke: (world) => (world.tailnet = { ...world.tailnet, Self: { Online: false } }),
    check: "tailnet",
    level: "failure",
    says: /without a connection to the tailnet's control server/,
  },
  {
    what: "the client complains",
    on: "client",
    provoke: (world) => (world.tailnet = { ...world.tailnet, Health: ["router: iptables failed"] }),
    check: "tailnet",
    level: "warning",
    says: /a complaint: router: iptables failed/,
  },
  {
    what: "tailscaled does not run",
    on: "client",
    provoke: (world) => {
      world.tailnet = {};
      world.say("tailscale-status", { err: "failed to connect to local tailscaled\n", status: 1 });
    },
    check: "tailnet",
    level: "failure",
    says: /gives no answer: failed to connect/,
  },
  {
    what: "the client hangs",
    on: "client",
    provoke: (world) => {
      world.tailnet = {};
      world.say("tailscale-status", { status: "hang" });
    },
    check: "tailnet",
    level: "failure",
    says: /took too long/,
  },
];
