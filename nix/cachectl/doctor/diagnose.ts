import type { Check } from "./check.ts";
import { failure, skipped, type Finding, type Verdict } from "./finding.ts";
import type { Machine } from "./machine.ts";

const defaultTimeout = 5000;

/**
 * Runs the checks that mean something on this machine, at the same time where none needs another. The findings stand in
 * the order of `checks`: the order in which things fail. Never throws, and takes no longer than the slowest chain of
 * timeouts.
 */
export async function diagnose(machine: Machine, checks: readonly Check[]): Promise<readonly Finding[]> {
  const running = new Map<string, Promise<Finding>>();
  for (const check of checks.filter(({ roles }) => roles.some((role) => machine.roles.includes(role)))) {
    const needed = (check.needs ?? []).flatMap((name) => running.get(name) ?? []);
    running.set(check.name, findingOf(check, machine, needed));
  }
  return Promise.all(running.values());
}

async function findingOf(check: Check, machine: Machine, needed: readonly Promise<Finding>[]): Promise<Finding> {
  const broken = (await Promise.all(needed)).find(({ level }) => level === "failure" || level === "skipped");
  if (broken !== undefined)
    return { check: check.name, ...skipped(`not looked at, since ${rootOf(broken)} comes first`) };
  return { check: check.name, ...(await verdictOf(check, machine)) };
}

/** The check that stands at the beginning of what is broken. */
function rootOf({ check, level, found }: Finding): string {
  return level === "skipped" ? (/^not looked at, since (\S+) comes first$/.exec(found)?.[1] ?? check) : check;
}

async function verdictOf(check: Check, machine: Machine): Promise<Verdict> {
  const timeout = check.timeout ?? defaultTimeout;
  const stop = AbortSignal.any([machine.stop, AbortSignal.timeout(timeout)]);
  const ended = Promise.withResolvers<Verdict>();
  const end = (): void => ended.resolve(failure(`gave no answer within ${timeout / 1000} s`, again(check.name)));
  stop.addEventListener("abort", end, { once: true });
  try {
    return await Promise.race([check.run(machine, stop), ended.promise]);
  } catch (error) {
    if (stop.aborted) return await ended.promise;
    return failure(
      `could not be looked at: ${error instanceof Error ? error.message : String(error)}`,
      again(check.name),
    );
  } finally {
    stop.removeEventListener("abort", end);
  }
}

function again(name: string): string {
  return `see what it says by itself: cachectl doctor ${name}`;
}
