/**
 * Figures about an open store.
 *
 * @module
 */

import type { Engine } from "./engine.ts";
import { HITS, MISSES } from "./pages.ts";

/** Figures about an open store, as they are now. Sizes are in bytes. */
export interface Stats {
  /** What the Io is. */
  io: string;
  /** Entries of the default keyspace. */
  entries: number;
  /** Commits since creation. */
  sequence: number;
  /** Pages of the data file. */
  pages: { size: number; total: number; used: number };
  /** Sizes of the files. */
  bytes: { data: number; log: number };
  /** The page cache, since opening. */
  cache: {
    frames: number;
    dirty: number;
    available: number;
    /** Times that a page was looked for and found in the cache; several for each entry. */
    hits: number;
    /** Times that it was not. */
    misses: number;
    /** Pages read from the file. */
    reads: number;
    evictions: number;
    spills: number;
  };
  /** The log, since opening; blocks that a checkpoint has not yet freed. */
  log: {
    blockSize: number;
    blocks: number;
    usedBlocks: number;
    commits: number;
    syncs: number;
    recordBytes: number;
  };
  /** Checkpoints since opening, and why the last one in the background was dropped. */
  checkpoints: { count: number; running: boolean; error: string | undefined };
  /** Open snapshots, and the oldest of them. */
  snapshots: {
    count: number;
    oldest: { sequence: number; openedAt: number } | undefined;
    dirtyPagesHeld: number;
  };
  /** Memory reserved at opening. */
  memoryReserved: number;
}

/** What {@link statsOf} needs of a snapshot. */
export interface SnapshotFigures {
  /** Number of commits that it shows. */
  readonly sequence: number;
  /** When it was made. */
  readonly openedAt: number;
}

/** The figures of `engine`, whose open snapshots are `snapshots`. */
export function statsOf(engine: Engine, snapshots: SnapshotFigures[]): Stats {
  const { cache, pages, pager, log, parts } = engine;
  const { visible } = pages;
  const first = snapshots.toSorted((a, b) => a.sequence - b.sequence).at(0);
  const error = engine.checkpointError;
  return {
    io: parts.io.description,
    entries: visible.tree.count,
    sequence: visible.sequence,
    pages: {
      size: cache.frames.pageBytes,
      total: pages.work.pageCount,
      used: visible.usedPages,
    },
    bytes: { data: pager.file.size, log: log.file.size },
    cache: {
      frames: cache.capacity,
      dirty: cache.dirtyCount,
      available: cache.available,
      hits: pages.lookups[HITS],
      misses: pages.lookups[MISSES],
      reads: pager.loads.reads,
      evictions: cache.evictions,
      spills: pager.spills,
    },
    log: {
      blockSize: log.codec.blockBytes,
      blocks: log.ringBlocks,
      usedBlocks: log.usedBlocks,
      commits: log.commits,
      syncs: log.syncs,
      recordBytes: log.recordBytes,
    },
    checkpoints: {
      count: parts.checkpointer.count,
      running: parts.checkpointer.running,
      error: error instanceof Error ? error.message : undefined,
    },
    snapshots: {
      count: snapshots.length,
      oldest: first === undefined
        ? undefined
        : { sequence: first.sequence, openedAt: first.openedAt },
      dirtyPagesHeld: pages.supersededCount,
    },
    memoryReserved: parts.reservedBytes,
  };
}
