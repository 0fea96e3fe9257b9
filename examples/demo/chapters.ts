/**
 * The chapters of the demo that need one process: loading, reading, taking back, verifying.
 *
 * @module
 */

import { Buffer } from "node:buffer";

import { CITIES, type City, cityKey, type CityStore, readCities, readRegions } from "./cities.ts";
import {
  chapter,
  confirm,
  count,
  many,
  progress,
  promise,
  rate,
  remark,
  say,
  size,
  stopwatch,
  time,
} from "./story.ts";

const CITIES_PER_TRANSACTION = 10_000;
const RANDOM_LOOKUPS = 20_000;

/** Puts every city into the store, ten thousand in a transaction; returns them. */
export async function load(store: CityStore): Promise<City[]> {
  chapter("Loading the cities of the world");
  const reading = stopwatch();
  const cities = readCities();
  say(`${count(cities.length)} cities read from JSON: ${time(reading())}`);
  promise(cities.length === CITIES, `the data has ${cities.length} cities and not ${CITIES}`);
  const loading = stopwatch();
  let transactions = 0;
  for (let first = 0; first < cities.length; first += CITIES_PER_TRANSACTION) {
    await store.transaction(async (tx) => {
      const end = Math.min(first + CITIES_PER_TRANSACTION, cities.length);
      for (let row = first; row < end; row++) {
        const city = cities[row];
        await tx.put(cityKey(city, row), city);
      }
    });
    transactions++;
    progress(`${count(first)} of ${count(cities.length)} cities`);
  }
  const milliseconds = loading();
  say(
    `stored in ${transactions} transactions, each of them safely on disk: ${time(milliseconds)}, ` +
      rate(cities.length, milliseconds),
  );
  const entries = await store.count();
  promise(entries === cities.length, `the store counts ${entries} entries`);
  confirm(`the store counts ${many(entries, "entry", "entries")}`);
  return cities;
}

/** Looks single cities up by their keys. */
export async function lookUp(store: CityStore, cities: readonly City[]): Promise<void> {
  chapter("Looking cities up by their keys");
  const regions = readRegions();
  for (const prefix of ["IS/39/Reykjavík/", "KE/05/Nairobi/", "UZ/10/Samarkand/"]) {
    const watch = stopwatch();
    const found = await store.first({ prefix });
    const took = time(watch());
    promise(found !== undefined, `no key begins with ${prefix}`);
    const [key, city] = found;
    const region = regions.get(`${city.country}.${city.admin1}`) ?? city.admin1;
    say(`${key}: ${city.name}, ${region}, at ${city.lat}, ${city.lng} (${took})`);
  }
  promise(await store.get("XX/00/Atlantis/0") === undefined, "the store has found Atlantis");
  say("XX/00/Atlantis/0: not there, as it should be");
  const watch = stopwatch();
  for (let i = 0; i < RANDOM_LOOKUPS; i++) {
    const row = (i * 7919) % cities.length;
    const city = await store.get(cityKey(cities[row], row));
    promise(city?.name === cities[row].name, `${cities[row].name} is not what was stored`);
  }
  const milliseconds = watch();
  confirm(
    `${count(RANDOM_LOOKUPS)} look-ups all over the world, each with the right answer: ` +
      `${time(milliseconds)}, ${rate(RANDOM_LOOKUPS, milliseconds)}`,
  );
}

/** Scans what begins alike, and from the end. */
export async function scan(store: CityStore, cities: readonly City[]): Promise<void> {
  chapter("Scanning: keys are kept in order");
  const expected = cities.filter(({ country }) => country === "IS").length;
  const prefixed = stopwatch();
  const iceland: string[] = [];
  for await (const city of store.values({ prefix: "IS/" })) iceland.push(city.name);
  say(
    `all keys that begin with IS/, the cities of Iceland: ${time(prefixed())}, ` +
      `${iceland.slice(0, 4).join(", ")} …`,
  );
  promise(iceland.length === expected, `Iceland has ${iceland.length} cities, not ${expected}`);
  confirm(`${iceland.length} of ${expected} cities found`);
  const reversed = stopwatch();
  const last: string[] = [];
  for await (const key of store.keys({ lt: "JP/", reverse: true, limit: 3 })) last.push(key);
  say(`the last three before Japan, backwards: ${time(reversed())}`);
  for (const key of last) say(`  ${key}`);
  const sorted = last.length === 3 && last.every((key, i) => i === 0 || key < last[i - 1]);
  promise(sorted && last[0] < "JP/", "a range in reverse came out of order");
  const whole = stopwatch();
  let seen = 0;
  let before = Buffer.alloc(0);
  for await (const key of store.keys()) {
    const bytes = Buffer.from(key);
    promise(Buffer.compare(before, bytes) < 0, `the key ${key} came out of order`);
    before = bytes;
    seen++;
  }
  promise(seen === cities.length, `a scan of everything found ${seen} keys`);
  confirm(`all ${count(seen)} keys in order: ${time(whole())}`);
}

/** A transaction that changes its mind. */
export async function rollBack(store: CityStore): Promise<void> {
  chapter("A transaction that is taken back");
  const before = await store.count({ prefix: "FR/" });
  const watch = stopwatch();
  try {
    await store.transaction(async (tx) => {
      const removed = await tx.clear({ prefix: "FR/" });
      const left = await tx.count({ prefix: "FR/" });
      const outside = await store.count({ prefix: "FR/" });
      say(`inside it removes the ${count(removed)} cities of France and sees ${left} of them`);
      say(`outside, at the same moment, ${count(outside)} are seen`);
      promise(removed === before && left === 0, "the transaction does not see what it did");
      promise(outside === before, "a transaction is seen before it is committed");
      throw new ChangeOfMind("a country without its cities will not do");
    });
  } catch (error) {
    if (!(error instanceof ChangeOfMind)) throw error;
    say(`then it throws an error, “${error.message}”`);
  }
  const after = await store.count({ prefix: "FR/" });
  promise(after === before, `${after} cities of France are left of ${before}`);
  confirm(
    `all ${count(after)} cities of France are there, as if nothing had been: ${time(watch())}`,
  );
}

class ChangeOfMind extends Error {}

/** Checks the whole store, page by page. */
export async function verify(store: CityStore): Promise<void> {
  chapter("Verifying: is every page as it should be?");
  const watch = stopwatch();
  const report = await store.verify();
  const took = time(watch());
  for (const { file, page, what } of report.problems) say(`${file}, page ${page}: ${what}`);
  promise(report.ok, `verify() found ${many(report.problems.length, "problem", "problems")}`);
  confirm(
    `${count(report.pages)} pages with ${count(report.entries)} entries checked, ` +
      `nothing wrong: ${took}`,
  );
  const { bytes } = store.stats();
  remark(`data file ${size(bytes.data)}, log ${size(bytes.log)}`);
}
