/** The interview: in the order in which one answer helps to find the next. */
import * as field from "../../components/config/fields.ts";
import { askHostKey } from "./ask-host-key.ts";
import * as section from "../../components/config/sections.ts";
import { answer, checkedBy, listedBy, listOf, type Interview, orNone } from "./context.ts";
import { type Device, likelySystem } from "./devices.ts";
import type { FlakeOutputs, UnknownOutputs } from "./flake.ts";
import { askMachines } from "./machines.ts";
import type { CiPlan, Plan, ServerPlan } from "./plan.ts";

/** Asks everything; a part that lacks answers is undefined, and the asker knows what was missing. */
export async function interview(context: Interview): Promise<Plan | undefined> {
  const outputsOf = once(context.sources.flakeOutputs);
  const server = await askServer(context, outputsOf);
  const { machines, leftOut } = await askMachines(context, server.name);
  const diskBudget = await answer(context, "disk-budget", { default: "100GiB", check: checkedBy(field.bytes) });
  const outputs = await answer(context, "outputs", {
    default: "discover",
    check: (text) => (text === "discover" ? undefined : listedBy(field.flakeOutput)(text)),
  });
  const testUser = await answer(context, "test-user", {
    default: "none",
    offers: membersOf(context.sources.devices),
    check: orNone(section.tailnet.shape.testUser.unwrap()),
  });
  const ci = await askCi(context, server.flake ?? "", outputsOf);
  const owners = await askOwners(context, ci !== undefined);
  if (!isComplete(server) || diskBudget === undefined || outputs === undefined || owners === undefined)
    return undefined;
  return {
    server,
    machines,
    leftOut,
    diskBudget,
    outputs: outputs === "discover" ? outputs : listOf(outputs),
    testUser: testUser === "none" ? undefined : testUser,
    ci,
    owners: listOf(owners),
  };
}

type Unfinished<T> = { readonly [K in keyof T]: T[K] | undefined };

function isComplete(server: Unfinished<ServerPlan>): server is ServerPlan {
  return Object.values(server).every((value) => value !== undefined);
}

/** What a flake has to offer; asked at most once, and not at all where every answer was given. */
type OutputsOf = (flake: string) => Promise<FlakeOutputs | UnknownOutputs>;

function once(ask: OutputsOf): OutputsOf {
  let answer: ReturnType<OutputsOf> | undefined;
  return (flake) => (answer ??= flake === "" ? Promise.resolve({ reason: "there is no flake yet" }) : ask(flake));
}

async function askServer(context: Interview, outputsOf: OutputsOf): Promise<Unfinished<ServerPlan>> {
  const { devices } = context.sources;
  const name = await answer(context, "server", { offers: devices.map(offered), check: checkedBy(field.hostName) });
  const device = devices.find((candidate) => candidate.name === name);
  const address = await answer(context, "server-address", {
    default: device?.address,
    check: checkedBy(field.address),
  });
  const ssh = await answer(context, "server-ssh", {
    default: device?.tailscaleSsh === true ? "tailscale" : "openssh",
    offers: [{ value: "openssh" }, { value: "tailscale" }],
    check: checkedBy(section.server.shape.ssh.unwrap()),
  });
  const sshPort = Number(await answer(context, "ssh-port", { default: "22", check: isPort }));
  const hostKey = await askHostKey(context, { name: name ?? "the server", address, port: sshPort });
  const flake = await answer(context, "flake", { check: checkedBy(field.flakeReference) });
  const configuration = await askConfiguration(context, name, flake ?? "", outputsOf);
  const system = await answer(context, "server-system", {
    default: likelySystem(device?.os ?? "linux"),
    check: checkedBy(field.system),
  });
  return { name, address, hostKey, system, sshPort, ssh, flake, configuration };
}

async function askConfiguration(
  context: Interview,
  server: string | undefined,
  flake: string,
  outputsOf: OutputsOf,
): Promise<string | undefined> {
  const known = context.given.values.configuration;
  if (known !== undefined) return known;
  const outputs = await outputsOf(flake);
  if ("reason" in outputs) context.asker.tell(`The flake's outputs could not be read here: ${outputs.reason}`);
  const names = "reason" in outputs ? [] : outputs.nixos;
  const only = names.length === 1 ? names[0] : undefined;
  const likely = server !== undefined && (names.includes(server) || "reason" in outputs) ? server : only;
  const offers = names.map((value) => ({ value }));
  return await answer(context, "configuration", { default: likely, offers, check: checkedBy(field.hostName) });
}

async function askCi(context: Interview, flake: string, outputsOf: OutputsOf): Promise<CiPlan | undefined> {
  const own = /^github:([A-Za-z0-9-]+\/[A-Za-z0-9._-]+)/.exec(flake)?.[1];
  const offers = [...(own === undefined ? [] : [{ value: own, note: "the flake's" }]), { value: "none" }];
  const repository = await answer(context, "ci", { default: "none", offers, check: orNone(field.repository) });
  if (repository === undefined || repository === "none") return undefined;
  const auth = await answer(context, "ci-auth", {
    default: "workload-identity",
    offers: [{ value: "workload-identity" }, { value: "oauth-client" }],
    check: checkedBy(section.ci.shape.auth.unwrap()),
  });
  const outputs = context.given.values["ci-outputs"] === undefined ? await outputsOf(flake) : { darwin: [] };
  const darwin = "reason" in outputs ? [] : outputs.darwin.map((name) => `darwinConfigurations.${name}.system`);
  const built = await answer(context, "ci-outputs", {
    default: darwin.length === 0 ? undefined : darwin.join(","),
    check: listedBy(field.flakeOutput),
  });
  return auth === undefined || built === undefined ? undefined : { repository, auth, outputs: listOf(built) };
}

/** Without CI nobody hands out a tag; an admin's key may. An OAuth client's tag can't be found out. */
async function askOwners(context: Interview, ci: boolean): Promise<string | undefined> {
  const needsTag = ci && context.sources.oauthClient;
  if (needsTag && context.given.values.owners === undefined) {
    context.asker.tell(
      "\nPulumi's OAuth client gives CI its tag, so it has to have a tag that owns that one: docs/first-hour.md says how.",
    );
  }
  return await answer(context, "owners", {
    default: needsTag ? undefined : "autogroup:admin",
    check: listedBy(section.tailnet.shape.owners.unwrap().element),
  });
}

function isPort(text: string): string | undefined {
  return field.port.safeParse(Number(text)).success ? undefined : "expected a port, 1 to 65535";
}

function membersOf(devices: readonly Device[]): { value: string }[] {
  const users = devices.flatMap(({ user }) => (user?.includes("@") === true ? [user] : []));
  return [...new Set(users)].map((value) => ({ value }));
}

function offered({ name, address, os }: Device): { value: string; note: string } {
  return { value: name, note: `${os}  ${address}` };
}
