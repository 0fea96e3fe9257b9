/**
 * The store that every workload begins with: three levels of pages that are well filled, free
 * places in front of them and behind them, and a log that went round.
 *
 * @module
 */

import { type Image, SimDisk } from "../sim/disk.ts";
import { PROFILES } from "../sim/profile.ts";
import type { TinyOptions } from "../sim/tiny_store.ts";
import { type Change, History } from "./history.ts";
import { Player } from "./player.ts";

/** How all stores here are opened. */
export const OPTIONS: TinyOptions = {};

/** Entries of the base store. */
const ENTRIES = 52;

/** A store closed or left alone, and its history. */
export interface BaseStore {
  /** Its files. */
  readonly image: Image;
  /** Its history, everything in it durable. */
  readonly history: History;
}

/** Makes the base store. */
export function makeBaseStore(seed: number): BaseStore {
  const disk = new SimDisk({}, PROFILES.posix);
  const player = new Player(disk, new History(), OPTIONS, seed);
  player.open();
  // What is removed again leaves free places in front of everything else.
  player.commit([{ name: "a", value: player.value(5000) }]);
  player.commit([{ name: "b", value: player.value(5000) }]);
  const names = Array.from({ length: ENTRIES }, (_, i) => `k${String(i).padStart(3, "0")}`);
  const put = (name: string, i: number): Change => ({
    name,
    value: player.value(i % 5 === 0 ? 5 : 40 + (i * 7) % 25),
  });
  player.commit(names.filter((_, i) => i % 2 === 0).map(put));
  player.checkpoint();
  player.commit(names.filter((_, i) => i % 2 === 1).map(put));
  player.put("k900", player.value(900));
  player.commit(["a", "b"].map((name) => ({ name, value: undefined })));
  // Closing cuts the file; what comes then makes it as long as it must be and no longer.
  player.close();
  player.open();
  // The log goes round.
  for (let i = 0; player.stats.log.commits < 50; i++) {
    player.put(names[i % ENTRIES], put(names[0], i).value!);
  }
  for (let i = 0; i < 2; i++) {
    player.put(names[i], player.value(50));
    player.checkpoint();
  }
  return { image: disk.image(), history: player.history };
}
