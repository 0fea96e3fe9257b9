/**
 * The shapes of transactions, and of what else a store does, that workloads are made of. Each shape
 * finds out from the store's contents what it takes to do what its name says, and shows that it
 * did.
 *
 * @module
 */

import type { Stats } from "../../core/stats.ts";
import type { Change, Entry } from "./history.ts";
import type { Player } from "./player.ts";

/** One shape. */
export interface Shape {
  /** Its name. */
  readonly name: string;
  /** Does it. */
  play(player: Player): void;
  /** Whether it did what its name says, by the figures before and after. */
  did(before: Stats, after: Stats): boolean;
}

/** Largest value that is surely kept in a leaf. */
const INLINE_BYTES = 64;
/** Bytes of entries that fill two leaves and a bit. */
const TWO_LEAVES_BYTES = 1100;

function inline(player: Player): readonly Entry[] {
  return player.history.current.filter(({ value }) => value.length <= INLINE_BYTES);
}

/** Another value of the same length. */
function overwritten(player: Player, { name, value }: Entry): Change {
  return { name, value: player.value(value.length) };
}

/** Names behind that of some entry and before that of the next one. */
function namesBetween(player: Player, count: number): string[] {
  const { current } = player.history;
  const serial = player.serial();
  const before = current.length === 0 ? "k" : current[(serial * 11 + 5) % current.length].name;
  return Array.from({ length: count }, (_, i) => `${before}-${serial}${i}`);
}

/** Entries in a row that fill more than two leaves. */
function twoLeaves(player: Player): Entry[] {
  const { current } = player.history;
  const found: Entry[] = [];
  let bytes = 0;
  let at = Math.max(0, (player.serial() * 7) % Math.max(1, current.length - 24));
  for (; at < current.length && bytes < TWO_LEAVES_BYTES; at++) {
    found.push(current[at]);
    bytes += current[at].key.length + current[at].value.length;
  }
  return found;
}

/** The ten shapes of which all sequences are played. */
export const SHAPES: readonly Shape[] = [
  {
    name: "small insert",
    play: (player) => player.put(namesBetween(player, 1)[0], player.value(3)),
    did: (before, after) => after.entries === before.entries + 1,
  },
  {
    name: "splitting insert",
    play: (player) =>
      player.commit(namesBetween(player, 9).map((name) => ({ name, value: player.value(60) }))),
    did: (before, after) =>
      after.entries === before.entries + 9 && after.pages.used > before.pages.used,
  },
  {
    name: "merging delete",
    play: (player) =>
      player.commit(twoLeaves(player).map(({ name }) => ({ name, value: undefined }))),
    did: (before, after) => after.entries < before.entries && after.pages.used < before.pages.used,
  },
  {
    name: "overwrite",
    play: (player) => {
      const entries = inline(player);
      const entry = entries[(player.serial() * 13 + 3) % entries.length];
      player.put(entry.name, player.value(entry.value.length));
    },
    did: (before, after) => after.entries === before.entries,
  },
  {
    name: "overflow value",
    play: (player) => player.put(namesBetween(player, 1)[0], player.value(1300)),
    did: (before, after) => after.pages.used >= before.pages.used + 3,
  },
  {
    name: "many pages",
    play: (player) => {
      const some = inline(player).filter((_, i) => i % 3 === 0);
      player.commit(some.map((entry) => overwritten(player, entry)));
    },
    did: (before, after) => after.entries === before.entries && after.cache.dirty >= 6,
  },
  {
    name: "empty",
    play: (player) => player.commitNothing(),
    did: (before, after) => after.sequence === before.sequence,
  },
  {
    name: "checkpoint",
    play: (player) => player.checkpoint(),
    did: (_, after) => after.log.usedBlocks === 0 && after.cache.dirty === 0,
  },
  {
    name: "reopen",
    play: (player) => {
      player.close();
      player.open();
    },
    did: (before, after) => after.sequence === before.sequence && after.log.commits === 0,
  },
  {
    name: "grow",
    play: (player) => {
      const { data } = player.stats.bytes;
      while (player.stats.bytes.data === data) {
        player.put(namesBetween(player, 1)[0], player.value(4000));
      }
    },
    did: (before, after) => after.bytes.data > before.bytes.data,
  },
];

/** Further shapes, of which shorter sequences are played. */
export const FURTHER_SHAPES: readonly Shape[] = [
  {
    name: "compaction",
    play: (player) => {
      player.compact();
    },
    did: (before, after) =>
      after.bytes.data <= before.bytes.data && after.sequence === before.sequence,
  },
  {
    name: "outgrowing the log",
    play: (player) => {
      const names = namesBetween(player, 3);
      player.commit(names.map((name) => ({ name, value: player.value(3000) })));
    },
    did: (before, after) =>
      after.checkpoints.count > before.checkpoints.count &&
      after.log.commits === before.log.commits && after.sequence === before.sequence + 1,
  },
  {
    name: "deferred and flush",
    play: (player) => {
      for (const name of namesBetween(player, 3)) player.put(name, player.value(40), true);
      player.flush();
    },
    did: (before, after) =>
      after.sequence === before.sequence + 3 && after.log.syncs === before.log.syncs + 1,
  },
  {
    name: "abort",
    play: (player) => {
      const changes: Change[] = twoLeaves(player).map(({ name }) => ({ name, value: undefined }));
      const names = namesBetween(player, 2);
      changes.push({ name: names[0], value: player.value(1300) });
      changes.push({ name: names[1], value: player.value(60) });
      player.abort(changes);
    },
    did: (before, after) => after.sequence === before.sequence && after.entries === before.entries,
  },
  {
    name: "clear",
    play: (player) => {
      const { current } = player.history;
      const from = Math.floor(current.length / 3);
      player.clear(current[from].name, current[Math.floor(current.length / 2)].name);
    },
    did: (before, after) =>
      after.entries < before.entries && after.sequence === before.sequence + 1,
  },
  {
    name: "kill in a commit and reopen",
    play: (player) => player.killInPut(namesBetween(player, 1)[0], player.value(30)),
    did: (before, after) => after.sequence === before.sequence + 1 && after.log.commits === 0,
  },
  {
    name: "kill in a checkpoint and reopen",
    play: (player) => {
      player.put(namesBetween(player, 1)[0], player.value(30));
      player.killInCheckpoint();
    },
    did: (before, after) => after.sequence === before.sequence + 1 && after.log.commits === 0,
  },
  {
    name: "torn commit and reopen",
    play: (player) => player.tearPut(namesBetween(player, 1)[0], player.value(1300)),
    did: (before, after) => after.sequence === before.sequence && after.log.commits === 0,
  },
];

/** The shape with a name. */
export function shapeNamed(name: string): Shape {
  const shape = [...SHAPES, ...FURTHER_SHAPES].find((known) => known.name === name);
  if (shape === undefined) throw new RangeError(`there is no shape "${name}"`);
  return shape;
}
