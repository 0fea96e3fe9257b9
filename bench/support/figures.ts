/**
 * Medians, and numbers as people read them.
 *
 * @module
 */

/** The middle one of `numbers` by size, the mean of the two middle ones where they are even. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >>> 1;
  if (sorted.length % 2 === 1) return sorted[middle];
  return (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * A whole number with separators: 1,234,567. Not with `toLocaleString`: what the runtime loads for
 * that takes 10 MiB, and would count as the store's where memory is measured.
 */
export function whole(count: number): string {
  return `${Math.round(count)}`.replace(/\B(?=(?:\d{3})+$)/g, ",");
}

/** Bytes in MiB: 64.0 MiB. */
export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** A time in the unit that suits it: 0.42 ms, 1.23 s. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) {
    return `${milliseconds.toFixed(milliseconds < 10 ? 2 : 0)} ms`;
  }
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

/** Rows of text in columns: the first to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, cell.length));
  }
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join("  ");
  return rows.map((row) => `  ${line(row)}`.trimEnd()).join("\n");
}
