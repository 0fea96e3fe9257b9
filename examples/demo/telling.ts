/**
 * Telling what the demo does: numbered steps with their time, in plain words.
 *
 * @module
 */

import process from "node:process";

const bold = process.stdout.isTTY ? (text: string) => `\u001b[1m${text}\u001b[22m` : plain;
const faint = process.stdout.isTTY ? (text: string) => `\u001b[2m${text}\u001b[22m` : plain;

function plain(text: string): string {
  return text;
}

let steps = 0;

/** A number with thousands apart. */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** Prints a line below the step. */
export function say(line: string): void {
  console.log(`   ${line}`);
}

/** Runs a step of the demo and prints its title before, its time behind. */
export async function step<T>(title: string, work: () => Promise<T> | T): Promise<T> {
  console.log(`\n${bold(`${++steps}. ${title}`)}`);
  const start = performance.now();
  const result = await work();
  console.log(faint(`   (${((performance.now() - start) / 1000).toFixed(2)} s)`));
  return result;
}

/** Something that kvig promises did not hold. */
export class BrokenPromise extends Error {
  /** Always `"BrokenPromise"`. */
  override readonly name = "BrokenPromise";
}

/** Ends the demo with `message` unless `condition` holds. */
export function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new BrokenPromise(message);
}
