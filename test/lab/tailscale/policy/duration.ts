const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Reads a duration as Go writes it ("1h30m"); `undefined` if it is none. In milliseconds. */
export function parseDuration(text: string): number | undefined {
  const parts = /^([+-]?)((?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h))+|0)$/.exec(text);
  if (parts === null) return undefined;
  const sizes = (parts[2] ?? "").matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g);
  const total = [...sizes].reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNIT_MS[unit ?? ""] ?? 0), 0);
  return parts[1] === "-" ? -total : total;
}

/** Writes milliseconds as Go does: "168h0m1s", "-1m0s", "30s". */
export function printDuration(ms: number): string {
  const seconds = Math.abs(ms) / 1000;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const rest = `${Number((seconds % 60).toFixed(9))}s`;
  const sign = ms < 0 ? "-" : "";
  if (hours > 0) return `${sign}${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${sign}${minutes}m${rest}` : `${sign}${rest}`;
}
