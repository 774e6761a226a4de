/** From values to places on a picture. */

/** The least of 1, 2, 5 times a power of ten that is no less; 1 for nothing. */
export function roundUp(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= value * (1 - 1e-9)) ?? 10;
  return step * power;
}

/** As roundUp, for bytes: in the unit that they are shown in. */
export function roundUpBytes(value: number): number {
  const unit = 1024 ** Math.min(4, Math.max(0, Math.floor(Math.log2(Math.max(1, value)) / 10)));
  return roundUp(value / unit) * unit;
}

/** A place with one digit behind the point: more is not to be seen. */
export function place(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** Where a value of [0, most] lies on a line from `from` to `to`; what is outside is put at the end. */
export function between(value: number, most: number, from: number, to: number): number {
  return from + (to - from) * Math.min(1, Math.max(0, most > 0 ? value / most : 0));
}
