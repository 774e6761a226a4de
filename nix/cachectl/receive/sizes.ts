const units: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["KiB", 1024],
  ["MiB", 1024 ** 2],
  ["GiB", 1024 ** 3],
  ["TiB", 1024 ** 4],
]);

/** A whole number of bytes (or of anything) given as a number or as text like "4GiB"; undefined for anything else. */
export function parseAmount(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  const match = typeof value === "string" ? /^(\d+(?:\.\d+)?) ?([KMGT]iB|)$/.exec(value) : null;
  const unit = units.get(match?.[2] ?? "none");
  return match?.[1] === undefined || unit === undefined ? undefined : Math.floor(Number(match[1]) * unit);
}

/** Bytes for people: "1.5 GiB", "312 B". */
export function showBytes(bytes: number): string {
  const [name = "B", size = 1] = [...units].reverse().find(([unit, size]) => unit !== "" && bytes >= size) ?? [];
  return name === "B" ? `${bytes} B` : `${(bytes / size).toFixed(1)} ${name}`;
}
