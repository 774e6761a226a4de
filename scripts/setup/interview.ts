/** The interview: in the order in which one answer helps to find the next. */
import type { z } from "zod";
import * as field from "../../components/config/fields.ts";
import { type AnswerName, answers, type Given } from "./answers.ts";
import type { Asker, Question } from "./asker.ts";
import { type Device, likelySystem } from "./devices.ts";
import type { FlakeOutputs, UnknownOutputs } from "./flake.ts";
import type { HostKey, NoHostKey } from "./host-key.ts";
import { askMachines } from "./machines.ts";
import type { CiPlan, Plan, ServerPlan } from "./plan.ts";

/** Where the interview finds things out. */
export interface Sources {
  readonly devices: readonly Device[];
  readonly flakeOutputs: (flake: string) => Promise<FlakeOutputs | UnknownOutputs>;
  readonly scanHostKey: (address: string, port: number) => Promise<HostKey | NoHostKey>;
}

/** What every part of the interview works with. */
export interface Interview {
  readonly asker: Asker;
  readonly given: Given;
  /** Answers that the stack's file holds already: the defaults. */
  readonly before: Pick<Given, "values" | "machines">;
  readonly sources: Sources;
}

/** Says what a field's rule says. */
export function checkedBy(rule: z.ZodType): (answer: string) => string | undefined {
  return (answer) => {
    const parsed = rule.safeParse(answer);
    return parsed.success ? undefined : (parsed.error.issues[0]?.message ?? "not accepted");
  };
}

/** Anything that was given is not asked; it is checked with the rest of the file. */
export async function answer(
  { asker, given, before }: Interview,
  name: AnswerName,
  more: Partial<Question> = {},
): Promise<string | undefined> {
  const value = given.values[name];
  if (value !== undefined) return value;
  const question = { flag: `--${name}`, text: sentence(answers[name]), ...more };
  return await asker.ask({ ...question, default: before.values[name] ?? more.default });
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Asks everything; a part that lacks answers is undefined, and the asker knows what was missing. */
export async function interview(context: Interview): Promise<Plan | undefined> {
  const outputsOf = once(context.sources.flakeOutputs);
  const server = await askServer(context, outputsOf);
  const machines = await askMachines(context, server.name);
  const diskBudget = await answer(context, "disk-budget", { default: "100GiB", check: checkedBy(field.bytes) });
  const outputs = await answer(context, "outputs", { default: "discover" });
  const testUser = await answer(context, "test-user", { default: "none", offers: membersOf(context.sources.devices) });
  const ci = await askCi(context, server.flake ?? "", outputsOf);
  if (!isComplete(server) || diskBudget === undefined || outputs === undefined) return undefined;
  return {
    server,
    machines,
    diskBudget,
    outputs: outputs === "discover" ? outputs : list(outputs),
    testUser: testUser === "none" ? undefined : testUser,
    ci,
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
  });
  const sshPort = Number(await answer(context, "ssh-port", { default: "22" }));
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

async function askCi(context: Interview, flake: string, outputsOf: OutputsOf): Promise<CiPlan | undefined> {
  const own = /^github:([A-Za-z0-9-]+\/[A-Za-z0-9._-]+)/.exec(flake)?.[1];
  const offers = [...(own === undefined ? [] : [{ value: own, note: "the flake's" }]), { value: "none" }];
  const repository = await answer(context, "ci", { default: "none", offers });
  if (repository === undefined || repository === "none") return undefined;
  const auth = await answer(context, "ci-auth", {
    default: "workload-identity",
    offers: [{ value: "workload-identity" }, { value: "oauth-client" }],
  });
  const outputs = context.given.values["ci-outputs"] === undefined ? await outputsOf(flake) : { darwin: [] };
  const darwin = "reason" in outputs ? [] : outputs.darwin.map((name) => `darwinConfigurations.${name}.system`);
  const built = await answer(context, "ci-outputs", darwin.length === 0 ? {} : { default: darwin.join(",") });
  return auth === undefined || built === undefined ? undefined : { repository, auth, outputs: list(built) };
}

function list(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function membersOf(devices: readonly Device[]): { value: string }[] {
  const users = devices.flatMap(({ user }) => (user?.includes("@") === true ? [user] : []));
  return [...new Set(users)].map((value) => ({ value }));
}

function offered({ name, address, os }: Device): { value: string; note: string } {
  return { value: name, note: `${os}  ${address}` };
}
