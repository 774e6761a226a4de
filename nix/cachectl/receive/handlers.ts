import type { Builder } from "../builders/builder.ts";
import { isRegistered } from "../builders/registry.ts";
import { Admission } from "./admission.ts";
import type { CallFacts } from "./audit.ts";
import { commit } from "./commit.ts";
import { childEnvironment, nixPathInfo, nixSettings, type Host } from "./host.ts";
import type { Ledger } from "./ledger.ts";
import { diskSpace, type Limits } from "./limits.ts";
import { builtHereIn } from "./path-info.ts";
import { isStorePath, readPathList } from "./path-list.ts";
import type { Request } from "./request.ts";
import type { BuilderRoots } from "./roots.ts";
import { serve } from "./serve.ts";
import { describeStatus } from "./status.ts";
import { queryStore } from "./store-query.ts";
import { keepToldQueue, readToldQueue } from "./told-queue.ts";
import { keysOfNix } from "./trust.ts";
import { version } from "./version.ts";
import { warmInBackground } from "./warm-hook.ts";

/** A call whose caller and request are known. */
export interface Call {
  readonly host: Host;
  readonly builder: Builder;
  /** Public keys that the registrations and the configuration name. */
  readonly keys: readonly string[];
  readonly limits: Limits;
  readonly roots: BuilderRoots;
  readonly ledger: Ledger;
  /** Filled in for the audit log as the call goes on. */
  readonly facts: CallFacts;
  readonly stop: AbortSignal;
}

interface Answer {
  readonly status: number;
  /** Why the status is not 0. */
  readonly reason?: string;
}

const queryMilliseconds = 120_000;

/** What answers each request. Each throws a Refusal for what it turns down. */
export const handlers: Readonly<Record<Request, (call: Call) => Promise<Answer>>> = {
  serve: takeUpload,
  announce: takeAnnouncement,
  commit: takeCommit,
  status: answerStatus,
};

async function takeUpload({ host, builder, keys, limits, roots, ledger, facts, stop }: Call): Promise<Answer> {
  const session = roots.openSession(limits);
  const policy = new Admission(limits, ledger, {
    knownKeys: keys,
    nixKeys: () => keysOfNix(nixSettings(host)),
    freeBytes: () => diskSpace(host.storeDirectory).freeBytes,
    announced: () => roots.counts().incoming,
    hold: (path) => session.hold(path),
    registered: () => isRegistered(host.stateDirectory, builder.name),
    isStorePath,
  });
  const { input, output, errors } = host;
  const environment = childEnvironment(host);
  const program = host.program("nix-store");
  try {
    const outcome = await serve({ input, output, errors, program, environment, policy, limits, stop });
    return outcome.status === 0 ? { status: 0 } : { status: outcome.status, reason: outcome.lastWords };
  } finally {
    session.close();
    Object.assign(facts, policy.counts);
  }
}

async function takeAnnouncement({ host, limits, roots, facts }: Call): Promise<Answer> {
  const paths = await readPathList(host.input, limits);
  facts.paths = paths.length;
  roots.announce(paths, limits);
  return say(host, { announced: paths.length });
}

async function takeCommit({ host, keys, limits, roots, facts }: Call): Promise<Answer> {
  const paths = await readPathList(host.input, limits);
  facts.paths = paths.length;
  const access = {
    program: host.program("nix-store"),
    environment: childEnvironment(host),
    timeout: queryMilliseconds,
  };
  const answer = await commit(paths, {
    roots,
    knownKeys: keys,
    query: (asked, found) => queryStore(access, asked, found),
    nixKeys: () => keysOfNix(nixSettings(host)),
    builtHere: async (asked) => builtHereIn(await nixPathInfo(host, asked)),
  });
  facts.refused = answer.refused.length;
  warmInBackground(host, answer.committed);
  return say(host, answer);
}

async function answerStatus({ host, builder, limits, roots, ledger }: Call): Promise<Answer> {
  const { storeDirectory: store } = host;
  const told = await readToldQueue(host.input);
  if (told !== undefined) keepToldQueue(host.stateDirectory, builder.name, told, Date.now());
  const counts = { roots: roots.counts(), bytesToday: ledger.total() };
  return say(host, describeStatus({ version, builder, limits, store, ...counts }));
}

function say({ output }: Host, answer: object): Answer {
  output.write(`${JSON.stringify(answer)}\n`);
  return { status: 0 };
}
