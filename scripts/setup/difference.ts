/** The lines that differ between two texts, for a person to agree to. */

/** Lines that went with "-", lines that came with "+", in their order; what both have is left out. */
export function difference(before: string, after: string): string {
  const [old, fresh] = [before.split("\n"), after.split("\n")];
  const lengths = commonLengths(old, fresh);
  const lines: string[] = [];
  for (let [i, j] = [0, 0]; i < old.length || j < fresh.length;) {
    if (i < old.length && j < fresh.length && old[i] === fresh[j]) [i, j] = [i + 1, j + 1];
    else if (j >= fresh.length || (i < old.length && at(lengths, i + 1, j) >= at(lengths, i, j + 1))) {
      lines.push(`- ${old[i++] ?? ""}`);
    } else lines.push(`+ ${fresh[j++] ?? ""}`);
  }
  return lines.join("\n");
}

/** Lengths of the longest common subsequences of every pair of tails. */
function commonLengths(old: readonly string[], fresh: readonly string[]): number[][] {
  const lengths = Array.from({ length: old.length + 1 }, () => new Array<number>(fresh.length + 1).fill(0));
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = fresh.length - 1; j >= 0; j--) {
      const row = lengths[i];
      if (row === undefined) continue;
      row[j] =
        old[i] === fresh[j] ? at(lengths, i + 1, j + 1) + 1 : Math.max(at(lengths, i + 1, j), at(lengths, i, j + 1));
    }
  }
  return lengths;
}

function at(lengths: readonly (readonly number[])[], i: number, j: number): number {
  return lengths[i]?.[j] ?? 0;
}
