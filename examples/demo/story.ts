/**
 * How the demo talks: chapters, lines, a progress line on a terminal, numbers for people.
 *
 * @module
 */

import process from "node:process";

const terminal = process.stdout.isTTY === true;
const colours = terminal && process.env["NO_COLOR"] === undefined;
const PROGRESS_MILLISECONDS = 100;
let progressShown = 0;

/** Prints the title of a chapter. */
export function chapter(title: string): void {
  console.log(`\n${style(1, title)}`);
}

/** Prints a line of a chapter. */
export function say(line: string): void {
  clearProgress();
  console.log(`  ${line}`);
}

/** Prints a line about something that was checked and holds. */
export function confirm(line: string): void {
  clearProgress();
  console.log(`  ${style(32, "✓")} ${line}`);
}

/** Prints a line of lesser weight. */
export function remark(line: string): void {
  clearProgress();
  console.log(`  ${style(2, line)}`);
}

/** Shows on a terminal how far something has come; the next line takes its place. */
export function progress(line: string): void {
  const now = performance.now();
  if (!terminal || now - progressShown < PROGRESS_MILLISECONDS) return;
  progressShown = now;
  process.stdout.write(`\r\x1b[K  ${style(2, line)}`);
}

function clearProgress(): void {
  if (progressShown === 0) return;
  progressShown = 0;
  process.stdout.write("\r\x1b[K");
}

/** Prints what went wrong, where errors go. */
export function complain(line: string): void {
  clearProgress();
  console.error(style(31, line));
}

function style(code: number, text: string): string {
  return colours ? `\x1b[${code}m${text}\x1b[0m` : text;
}

/** A promise the demo makes does not hold; the message is a sentence for its reader. */
export class BrokenPromise extends Error {}

/** Throws unless `condition` holds; `sentence` says what is wrong otherwise. */
export function promise(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new BrokenPromise(sentence);
}

/** A stopwatch; reads in milliseconds. */
export function stopwatch(): () => number {
  const began = performance.now();
  return () => performance.now() - began;
}

/** A count with separators: 171,075. */
export function count(number: number): string {
  return Math.round(number).toLocaleString("en-US");
}

/** A count with the word for what is counted: 1 city, 2 cities. */
export function many(number: number, one: string, several: string): string {
  return `${count(number)} ${number === 1 ? one : several}`;
}

/** A time in the unit that suits it: 35 µs, 4.2 ms, 1.30 s. */
export function time(milliseconds: number): string {
  if (milliseconds < 1) return `${(milliseconds * 1000).toFixed(0)} µs`;
  if (milliseconds < 1000) return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

/** How many there are in a second, rounded to two digits: 140,000 a second. */
export function rate(number: number, milliseconds: number): string {
  const perSecond = number / milliseconds * 1000;
  return `${count(Number(perSecond.toPrecision(2)))} a second`;
}

/** A size: 31.4 MB. */
export function size(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
