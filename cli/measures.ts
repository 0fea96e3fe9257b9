/**
 * Numbers for people: sizes with their unit, counts with separators, times.
 *
 * @module
 */

import { UsageError } from "./failures.ts";
import { quoted } from "./notation.ts";

const UNITS: readonly string[] = ["bytes", "KiB", "MiB", "GiB", "TiB"];

/**
 * The number of bytes that a size such as `4096`, `64MiB` or `1GiB` stands for.
 * @throws {UsageError} where it stands for none.
 */
export function parseSize(option: string, text: string): number {
  const [, digits, unit = ""] = /^(\d+)\s*(k|m|g|t)?(?:i?b)?$/i.exec(text) ?? [];
  // MB means a million in some places: only what is clear is taken.
  const clear = digits !== undefined && !/^\d+\s*[kmgt]b$/i.test(text);
  const bytes = Number(digits) * 1024 ** (" kmgt".indexOf(unit.toLowerCase() || " "));
  if (!clear || !Number.isSafeInteger(bytes)) {
    throw new UsageError(
      `${option} takes a number of bytes such as 65536, 64KiB, 64MiB or 1GiB, got ${quoted(text)}`,
    );
  }
  return bytes;
}

/**
 * The whole number that `text` stands for.
 * @throws {UsageError} where it stands for none, or for one below `least`.
 */
export function parseCount(option: string, text: string, least: number): number {
  const count = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(count) || count < least) {
    throw new UsageError(`${option} takes a whole number from ${least} on, got ${quoted(text)}`);
  }
  return count;
}

/** A count with separators: 1,234,567. */
export function showCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** A count with the word for what is counted: "1 entry", "2 entries". */
export function showMany(count: number, one: string, many: string): string {
  return `${showCount(count)} ${count === 1 ? one : many}`;
}

/** A size in the unit that suits it: 64.0 MiB. */
export function showSize(bytes: number): string {
  let unit = 0;
  let amount = bytes;
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit++;
  }
  return unit === 0 ? showMany(bytes, "byte", "bytes") : `${amount.toFixed(1)} ${UNITS[unit]}`;
}

/** A time that a command took: 0.42 s. */
export function showSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

/** A share of a whole in percent, where the whole is known: " 42 %". */
export function showShare(done: number, whole: number | undefined): string {
  if (whole === undefined || whole <= 0) return "";
  return ` ${Math.min(100, Math.floor(done / whole * 100))} %`;
}
