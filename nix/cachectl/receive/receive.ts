import { join } from "node:path";
import { readBuilders } from "../builders/registry.ts";
import { AuditRecord, type CallEnd } from "./audit.ts";
import { fieldsOf } from "../lib/json.ts";
import { callerAddress, identify } from "./caller.ts";
import { handlers } from "./handlers.ts";
import { tailnetWhois, type Host } from "./host.ts";
import { Ledger } from "./ledger.ts";
import { parseLimits } from "./limits.ts";
import { Refusal, refusedStatus } from "./refusal.ts";
import { parseRequest } from "./request.ts";
import { BuilderRoots } from "./roots.ts";
import { knownKeys } from "./trust.ts";

/**
 * Answers one call to the account that takes uploads; `args` are those of a login shell. Returns the exit status: 0,
 * that of Nix, 1 when the server failed, or 126 when something was refused. Tells the caller what was refused and why,
 * and writes one line to the audit log in every case. `stop` ends the call early.
 */
export async function receive(args: readonly string[], host: Host, stop: AbortSignal): Promise<number> {
  if (isTailscalesProbe(args, host.environment)) return refusedStatus;
  const record = new AuditRecord(join(host.stateDirectory, "audit.log"), callerAddress(host.environment));
  let end: CallEnd = { outcome: "failed" };
  // Whoever has gone does not hear the answer; what was done is done, and logged.
  for (const stream of [host.output, host.errors]) stream.on("error", () => undefined);
  let status = 1;
  try {
    const answer = await handle(args, host, record, stop);
    status = answer.status;
    end = { outcome: status === 0 ? "done" : "failed", reason: answer.reason };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    host.errors.write(`nix-binary-cache: ${reason}\n`);
    end = { outcome: "failed", reason };
    if (error instanceof Refusal) {
      status = refusedStatus;
      end = { outcome: "refused", kind: error.kind, reason };
    }
  } finally {
    record.close(end);
  }
  return status;
}

/**
 * Before each call tailscaled tries `su -l nix-push -c true` to see whether it can hand the session to su. It must fail:
 * su would drop SSH_CLIENT, by which the caller is known (tried with tailscale 1.98.10: ssh/tailssh/incubator.go,
 * trySU). Nobody calls here, so nothing is said and nothing is logged.
 */
function isTailscalesProbe(args: readonly string[], environment: NodeJS.ProcessEnv): boolean {
  const isTrue = args.length === 2 && args[0] === "-c" && args[1] === "true";
  return isTrue && callerAddress(environment) === undefined && environment.SSH_USER_AUTH === undefined;
}

async function handle(
  args: readonly string[],
  host: Host,
  record: AuditRecord,
  stop: AbortSignal,
): Promise<{ readonly status: number; readonly reason?: string }> {
  const builders = readBuilders(host.stateDirectory);
  const { environment } = host;
  const userId = process.getuid?.() ?? 0;
  // Before the request is looked at, so that the log names who asked for what is refused.
  const byTailnetOnly = fieldsOf(fieldsOf(host.config).get("server")).get("ssh") === "tailscale";
  const whois = (address: string): Promise<unknown> => tailnetWhois(host, address);
  const caller = await identify({ environment, builders, byTailnetOnly, userId, whois });
  Object.assign(record.facts, { builder: caller.builder.name, key: caller.key });
  const request = parseRequest(args, environment.SSH_ORIGINAL_COMMAND);
  record.facts.verb = request;
  return handlers[request]({
    host,
    builder: caller.builder,
    keys: knownKeys(builders, host.config),
    limits: parseLimits(host.config),
    roots: new BuilderRoots(host.rootsDirectory, caller.builder.name),
    ledger: new Ledger(join(host.stateDirectory, "announced", caller.builder.name)),
    facts: record.facts,
    stop,
  });
}
