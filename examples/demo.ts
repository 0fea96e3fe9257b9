/**
 * The main job, shown: loads the cities of the world into a store, looks things up, rolls a
 * transaction back, kills a process that writes and proves that nothing it had confirmed is lost.
 *
 * Usage: `demo [--keep] [DIRECTORY]`; without a directory it makes one and removes it at the end.
 *
 * @module
 */

import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

import { json, type Kvig, open, utf8 } from "../adapters/node/mod.ts";
import { type City, cityKey, readCities } from "./demo/cities.ts";
import { writeAndKill } from "./demo/killing.ts";
import { BrokenPromise, count, expect, say, step } from "./demo/telling.ts";

type Cities = Kvig<string, unknown, string, unknown>;

const CITIES = 171_075;
const ROWS_IN_A_TRANSACTION = 10_000;
const WRITES_BEFORE_THE_KILL = 3000;

async function load(store: Cities, cities: City[]): Promise<void> {
  for (let from = 0; from < cities.length; from += ROWS_IN_A_TRANSACTION) {
    const rows = cities.slice(from, from + ROWS_IN_A_TRANSACTION);
    await store.transaction((tx) => {
      rows.forEach((city, i) => tx.putSync(cityKey(city, from + i), city));
    });
  }
  const stored = await store.count();
  expect(stored === CITIES, `${count(stored)} cities are stored where ${count(CITIES)} belong`);
  say(`${count(stored)} cities are in the store, each transaction durable before the next.`);
}

async function lookUp(store: Cities, cities: City[]): Promise<void> {
  for (const [name, country] of [["Reykjavík", "IS"], ["Nairobi", "KE"], ["Montevideo", "UY"]]) {
    const row = cities.findIndex((city) => city.name === name && city.country === country);
    const city = await store.get(cityKey(cities[row], row)) as City;
    say(`${name} is in ${city.country}, ${city.lat}° north, ${city.lng}° east.`);
  }
  const places = 20_000;
  for (let i = 0; i < places; i++) {
    const row = (i * 7919) % cities.length;
    const city = await store.get(cityKey(cities[row], row)) as City | undefined;
    expect(city?.name === cities[row].name, `city ${row} was not found`);
  }
  say(`${count(places)} more look-ups, scattered over the world: every city was found.`);
}

async function scan(store: Cities): Promise<void> {
  const iceland: string[] = [];
  for await (const key of store.keys({ prefix: "IS/" })) iceland.push(key.split("/")[2]);
  expect(iceland.length > 10, "the cities of Iceland are missing");
  say(`Iceland has ${iceland.length} of them: ${iceland.slice(0, 4).join(", ")} …`);
  const last = await store.keys({ gte: "NZ/", lt: "NZ0", reverse: true, limit: 3 }).toArray();
  expect(last.length === 3 && last[0] > last[1], "the range does not run backwards");
  say(`New Zealand from its end: ${last.map((key) => key.split("/")[2]).join(", ")}.`);
}

async function rollBack(store: Cities): Promise<void> {
  const before = await store.count();
  const change = store.transaction(async (tx) => {
    const gone = await tx.clear({ prefix: "FR/" });
    say(`Inside the transaction the ${count(gone)} cities of France are gone …`);
    await tx.put("FR/Atlantis", { name: "Atlantis" });
    throw new Error("changed my mind");
  });
  const reason = await change.then(() => "", (error: Error) => error.message);
  expect(reason === "changed my mind", "the transaction did not fail as it should");
  expect(await store.count() === before, "the rollback lost or kept something");
  expect(!(await store.has("FR/Atlantis")), "the rollback kept Atlantis");
  say("… it failed on purpose, and all of them are back.");
}

async function surviveKill(path: string): Promise<void> {
  const confirmed = await writeAndKill(path, WRITES_BEFORE_THE_KILL);
  say(`Another process wrote and was killed (SIGKILL) after ${count(confirmed.size)} writes that`);
  say("its store had confirmed, with more under way.");
  const store = await open(path, { key: utf8 });
  const found = new Set<number>();
  for await (const key of store.keys({ prefix: "visit/" })) found.add(Number(key.slice(6)));
  for (const number of confirmed) expect(found.has(number), `confirmed write ${number} is lost`);
  say(`Opened again: all ${count(confirmed.size)} are there, and ${found.size - confirmed.size}`);
  say("that had not been confirmed yet. None is there in part.");
  await store.close();
}

async function check(path: string): Promise<void> {
  const store = await open(path, { key: utf8 });
  const report = await store.verify();
  for (const problem of report.problems) say(`page ${problem.page}: ${problem.what}`);
  expect(report.ok, "verify() found damage");
  say(`All ${count(report.pages)} pages and ${count(report.entries)} entries check out.`);
  const { bytes } = store.stats();
  say(`The file has ${(bytes.data / 1e6).toFixed(1)} MB, the log ${(bytes.log / 1e6).toFixed(1)}.`);
  await store.close();
}

async function run(directory: string): Promise<void> {
  const path = join(directory, "world.kvig");
  console.log(`kvig demo, on ${process.release.name} ${process.version}, in ${directory}`);
  const cities = await step("Reading the cities of the world", () => {
    const rows = readCities();
    say(`${count(rows.length)} rows by GeoNames (www.geonames.org), licensed under CC BY 4.0.`);
    return rows;
  });
  const store: Cities = await open(path, { key: utf8, value: json });
  await step("Loading them into a new store", () => load(store, cities));
  await step("Looking cities up", () => lookUp(store, cities));
  await step("Reading ranges, forwards and backwards", () => scan(store));
  await step("Taking a transaction back", () => rollBack(store));
  await store.close();
  await step("Killing a process that writes", () => surviveKill(path));
  await step("Verifying the store", () => check(path));
}

async function main(): Promise<void> {
  const words = process.argv.slice(2);
  const keep = words.includes("--keep");
  const named = words.find((word) => !word.startsWith("--"));
  const directory = named ?? fs.mkdtempSync(join(tmpdir(), "kvig-demo-"));
  fs.mkdirSync(directory, { recursive: true });
  const start = performance.now();
  try {
    await run(directory);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`\nEverything held. The demo took ${seconds} s.`);
  } catch (error) {
    if (!(error instanceof BrokenPromise)) throw error;
    console.error(`\nThe demo failed: ${error.message}`);
    process.exitCode = 1;
  } finally {
    if (named === undefined && !keep) fs.rmSync(directory, { recursive: true, force: true });
    else console.log(`The files are in ${directory}.`);
  }
}

await main();
