import type { Diagnosable } from "./check.ts";
import { failure, skipped, type Finding, type Verdict } from "./finding.ts";

/** What every check can be ended by, and the command that runs a single one, such as "cachectl doctor". */
interface Context {
  readonly stop: AbortSignal;
  readonly program: string;
}

const defaultTimeout = 5000;

/**
 * Runs the checks, at the same time where none needs another. The findings stand in the order of `checks`: the order in
 * which things fail. Never throws, and takes no longer than the slowest chain of timeouts.
 */
export async function diagnose<C extends Context>(
  context: C,
  checks: readonly Diagnosable<C>[],
): Promise<readonly Finding[]> {
  const running = new Map<string, Promise<Finding>>();
  for (const check of checks) {
    const needed = (check.needs ?? []).flatMap((name) => running.get(name) ?? []);
    running.set(check.name, findingOf(check, context, needed));
  }
  return Promise.all(running.values());
}

async function findingOf<C extends Context>(
  check: Diagnosable<C>,
  context: C,
  needed: readonly Promise<Finding>[],
): Promise<Finding> {
  const broken = (await Promise.all(needed)).find(({ level }) => level === "failure" || level === "skipped");
  const first = broken === undefined ? undefined : skipped(`not looked at, since ${rootOf(broken)} comes first`);
  return { check: check.name, ...(first ?? (await verdictOf(check, context))) };
}

/** The check that stands at the beginning of what is broken. */
function rootOf({ check, level, found }: Finding): string {
  return level === "skipped" ? (/^not looked at, since (\S+) comes first$/.exec(found)?.[1] ?? check) : check;
}

async function verdictOf<C extends Context>(check: Diagnosable<C>, context: C): Promise<Verdict> {
  const { name, timeout = defaultTimeout } = check;
  const again = `see what it says by itself: ${context.program} ${name}`;
  const stop = AbortSignal.any([context.stop, AbortSignal.timeout(timeout)]);
  const ended = Promise.withResolvers<Verdict>();
  const end = (): void => ended.resolve(failure(`gave no answer within ${timeout / 1000} s`, again));
  stop.addEventListener("abort", end, { once: true });
  try {
    return await Promise.race([check.run(context, stop), ended.promise]);
  } catch (error) {
    if (stop.aborted) return await ended.promise;
    return failure(error instanceof Error ? error.message : String(error), again);
  } finally {
    stop.removeEventListener("abort", end);
  }
}

/** The checks of the given names, and those that they need; all of them when none is named. Throws an Error for a name that is none. */
export function withNeeds<C extends Pick<Diagnosable<never>, "name" | "needs">>(
  checks: readonly C[],
  names: readonly string[],
): readonly C[] {
  if (names.length === 0) return checks;
  const wanted = new Set<string>();
  const add = (name: string): void => {
    const check = checks.find((one) => one.name === name);
    const known = checks.map((one) => one.name).join(", ");
    if (check === undefined) throw new TypeError(`found ${JSON.stringify(name)}; the checks are ${known}`);
    wanted.add(name);
    check.needs?.forEach(add);
  };
  names.forEach(add);
  return checks.filter(({ name }) => wanted.has(name));
}
