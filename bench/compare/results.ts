/**
 * What a run of the benchmark found out, as it is kept in memory and in files.
 *
 * @module
 */

/** Everything about one run; the form of the JSON file. */
export interface Results {
  /** When the run began, as ISO 8601. */
  readonly date: string;
  /** The commit that was measured, with "+" where files had been changed. */
  readonly commit: string;
  /** The machine and its load. */
  readonly machine: Machine;
  /** What was asked for. */
  readonly settings: Settings;
  /** The figures, one entry for each runtime, configuration, work and contestant. */
  readonly series: Series[];
  /** What could not be measured, and why. */
  readonly remarks: string[];
}

/** The machine. */
export interface Machine {
  /** Processor, cores, memory. */
  readonly hardware: string;
  /** Operating system. */
  readonly system: string;
  /** What the files lay on. */
  readonly fileSystem: string;
  /** Load averages of the last minute, when the run began and when it ended. */
  readonly load: { readonly before: number; after: number };
}

/** The sizes of a run. */
export interface Settings {
  /** Rounds. */
  readonly rounds: number;
  /** Entries of the store, where a part does not say otherwise. */
  readonly entries: number;
  /** Memory for pages. */
  readonly cacheBytes: number;
  /** Size of the log. */
  readonly logBytes: number;
}

/** Which entries a store had, and whether its cache held them. */
export interface Configuration {
  /** The shape of the keys. */
  readonly shape: string;
  /** Length of the values. */
  readonly valueBytes: number;
  /** Whether the store fits the cache, or is four times as large. */
  readonly cache: CacheSize;
}

/** Whether the store fits the cache, or is four times as large. */
export type CacheSize = "fits" | "quarter";

/** The figures of one contestant in one work. */
export interface Series extends Configuration {
  /** The runtime. */
  readonly runtime: string;
  /** The work. */
  readonly work: string;
  /** The contestant. */
  readonly contestant: string;
  /** Number of entries. */
  readonly entries: number;
  /** A figure for each round, null where there is none: nanoseconds or bytes. */
  readonly figures: (number | null)[];
}

/** The figures of a series as numbers; NaN where there is none. */
export function numbersOf(series: Series | undefined): number[] {
  return (series?.figures ?? []).map((figure) => figure ?? NaN);
}
