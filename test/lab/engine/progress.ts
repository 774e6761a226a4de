/** Says that something long is still going on. */

/** Seconds between two lines. */
const EVERY_SECONDS = 15;

/** Takes one line for the user, without its newline. */
export type OnLine = (line: string) => void;

/** Whole seconds since `started` (Date.now()). */
export function secondsSince(started: number): number {
  return Math.round((Date.now() - started) / 1000);
}

/**
 * Runs `work`; says `what` at the start, how long it has run every 15 s (with `detail()` where there is one), and how
 * long it took.
 */
export async function withProgress<T>(
  what: string,
  onLine: OnLine,
  work: () => Promise<T>,
  detail: () => string = () => "",
): Promise<T> {
  const started = Date.now();
  onLine(`${what} …`);
  const timer = setInterval(() => onLine(`${what}: ${secondsSince(started)} s${detail()}`), EVERY_SECONDS * 1000);
  try {
    const result = await work();
    onLine(`${what}: done in ${secondsSince(started)} s`);
    return result;
  } finally {
    clearInterval(timer);
  }
}
