/**
 * What may happen next: the actions of users, of the store, of the disk and of fate, each with when
 * it is possible. A schedule names them.
 *
 * @module
 */

import { type Content, KEYS, MAX_PLACES, RING_BLOCKS } from "./contents.ts";
import type { Call } from "./disk.ts";
import type { Store } from "./store.ts";
import type { Durability } from "./writer.ts";
import type { World } from "./world.ts";

/** Something that may happen. */
export interface Action {
  /** How often it is tried, compared with others. */
  readonly weight: number;
  /** Whether it is possible now. */
  readonly possible: (world: World) => boolean;
  /** Does it. */
  readonly run: (world: World) => void;
}

function up(world: World): Store | undefined {
  return world.status === "up" ? world.store : undefined;
}

/** Whether the store is up and nobody has the writer's turn. */
function turnFree(world: World): boolean {
  const store = up(world);
  return store !== undefined && store.turn === "" && store.transactions.open === undefined;
}

/** Whether a transaction is open and none of its operations is under way. */
function inTransaction(world: World): boolean {
  return up(world)?.transactions.open?.busy === false;
}

function inTurn(
  name: string,
  weight: number,
  task: (store: Store, world: World) => ReturnType<Store["compaction"]["move"]>,
): Action {
  return {
    weight,
    possible: turnFree,
    run: (world) => {
      const store = up(world);
      if (store === undefined) return;
      store.turn = name;
      world.spawn(name, task(store, world));
    },
  };
}

function onStore(
  weight: number,
  possible: (store: Store, world: World) => boolean,
  run: (store: Store, world: World) => void,
): Action {
  return {
    weight,
    possible: (world) => {
      const store = up(world);
      return store !== undefined && possible(store, world);
    },
    run: (world) => {
      const store = up(world);
      if (store !== undefined) run(store, world);
    },
  };
}

function newValue(world: World): number {
  return ++world.history.lastValue;
}

const DURABILITIES: readonly Durability[] = ["sync", "deferred"];

const WRITES: Record<string, Action> = {
  put: inTurn("put", 6, (store, world) => {
    const durability = DURABILITIES[world.chooser.pick(2)];
    const key = world.chooser.pick(KEYS);
    return store.writers.put(key, newValue(world), false, durability);
  }),
  putLarge: inTurn(
    "putLarge",
    2,
    (store, world) => store.writers.put(world.chooser.pick(KEYS), newValue(world), true, "sync"),
  ),
  delete: inTurn("delete", 2, (store, world) => {
    const durability = DURABILITIES[world.chooser.pick(2)];
    return store.writers.put(world.chooser.pick(KEYS), 0, false, durability);
  }),
  putBlocking: {
    ...inTurn(
      "putBlocking",
      2,
      (store, world) =>
        store.writers.put(world.chooser.pick(KEYS), newValue(world), false, "blocking"),
    ),
    possible: (world) =>
      turnFree(world) && (world.store?.log.flushing === false || !world.rules.syncAwaited),
  },
  flush: onStore(
    6,
    ({ log }) => !log.flushing && (log.pending || log.unsynced),
    (store, world) => {
      const sync = world.chooser.pick(2) === 0;
      world.spawn("flush", store.log.flush(sync));
    },
  ),
};

const TRANSACTIONS: Record<string, Action> = {
  begin: {
    weight: 2,
    possible: turnFree,
    run: (world) => {
      const store = up(world);
      if (store === undefined) return;
      store.turn = "transaction";
      store.transactions.begin();
      world.say(() => "a transaction begins");
    },
  },
  set: {
    weight: 5,
    possible: (world) =>
      inTransaction(world) && (up(world)?.transactions.open?.records.length ?? 9) < 4,
    run: (world) => {
      const store = up(world);
      const key = world.chooser.pick(KEYS);
      const large = world.chooser.once(5);
      if (store !== undefined) {
        world.spawn("set", store.transactions.put(key, newValue(world), large));
      }
    },
  },
  writeAhead: {
    weight: 2,
    possible: (world) => {
      const store = up(world);
      const open = store?.transactions.open;
      return store !== undefined && open?.busy === false && open.logged &&
        open.records.length >= 2 * (store.log.ahead.length + 1) && store.log.fits(3);
    },
    run: (world) => {
      const store = up(world);
      if (store !== undefined) world.spawn("writeAhead", store.transactions.writeAhead());
    },
  },
  outgrow: {
    weight: 1,
    possible: (world) => inTransaction(world) && up(world)?.transactions.open?.logged === true,
    run: (world) => {
      up(world)?.transactions.stopLogging();
      world.say(() => "the transaction has outgrown the log");
    },
  },
  commit: {
    weight: 3,
    possible: (world) => {
      const store = up(world);
      const open = store?.transactions.open;
      if (store === undefined || open?.busy !== false || open.records.length === 0) return false;
      return !open.logged || store.log.fits(open.records.length + 1);
    },
    run: (world) => {
      const store = up(world);
      if (store?.transactions.open === undefined) return;
      if (store.transactions.open.logged) store.transactions.commit();
      else world.spawn("commit by checkpoint", store.transactions.commitByCheckpoint());
    },
  },
  abort: {
    weight: 1,
    possible: (world) =>
      inTransaction(world) && ![...world.store?.frames.all() ?? []].some((frame) => frame.busy),
    run: (world) => {
      const store = up(world);
      if (store === undefined) return;
      store.transactions.abort();
      const { history } = world;
      if (world.fault === undefined) {
        store.readers.check(
          store.frames.work,
          history.after(history.issued),
          "a rolled back store",
        );
      }
    },
  },
};

const UPKEEP: Record<string, Action> = {
  checkpoint: onStore(
    3,
    ({ checkpointer }) => checkpointer.running === 0,
    (store, world) => world.spawn("checkpoint", acknowledged(store, world)),
  ),
  spill: onStore(
    2,
    ({ frames, opening }) =>
      !opening && [...frames.all()].some(({ dirty, busy }) => dirty && !busy),
    (store, world) => {
      const dirty = [...store.frames.all()].filter((frame) => frame.dirty && !frame.busy);
      const frame = dirty[world.chooser.pick(dirty.length)];
      world.spawn("spill", drop(store.writePages([frame], "a spill")));
    },
  ),
  move: inTurn("move", 2, (store) => store.compaction.move()),
  shorten: inTurn("shorten", 2, (store) => store.compaction.shorten()),
  close: {
    ...inTurn("close", 1, (store) => store.compaction.close()),
    possible: (world) => turnFree(world) && world.store?.readers.readsInFlight === 0,
  },
};

/** A checkpoint that a user asks for: when it is over what it closed is durable. */
function* acknowledged(store: Store, world: World): ReturnType<Store["compaction"]["move"]> {
  let sequence = 0;
  const done = yield* store.checkpointer.run(() => {
    const closed = store.closeState();
    sequence = closed.state.sequence;
    return closed;
  });
  if (done) world.acknowledge(sequence);
}

function* drop(
  task: Generator<(() => boolean) | undefined, boolean, void>,
): ReturnType<Store["compaction"]["move"]> {
  yield* task;
}

const READS: Record<string, Action> = {
  snapshot: onStore(
    1,
    ({ readers }) => readers.snapshots.length < 2,
    ({ readers }, world) => {
      readers.snapshot();
      world.say(() => `a snapshot of commit ${readers.snapshots.at(-1)?.hold.state.sequence}`);
    },
  ),
  readSnapshot: onStore(1, ({ readers }) => readers.snapshots.length > 0, ({ readers }) => {
    const [{ hold, values }] = readers.snapshots;
    readers.check(hold.state, values, "a snapshot");
  }),
  closeSnapshot: onStore(
    1,
    ({ readers }) => readers.snapshots.length > 0,
    ({ readers }, world) => {
      readers.closeSnapshot();
      world.say(() => "the snapshot is closed");
    },
  ),
  evict: onStore(1, () => true, ({ frames }) => {
    for (const frame of [...frames.all()]) {
      if (!frame.dirty && !frame.busy) frames.drop(frame.place);
    }
  }),
  check: onStore(1, () => true, ({ readers }, { history }) => {
    const state = readers.visible();
    const values = history.after(state.sequence);
    readers.check(state, values, "the store");
  }),
  readPage: onStore(
    1,
    ({ readers }) => readers.readsInFlight === 0 && readers.cold().length > 0,
    ({ readers }, world) => {
      const cold = readers.cold();
      const page = cold[world.chooser.pick(cold.length)];
      world.say(() => `page ${page.place} of epoch ${page.epoch} is being read`);
      world.spawn("read", readers.readPage(page));
    },
  ),
  readLarge: onStore(
    1,
    ({ readers }) => readers.readsInFlight === 0 && readers.largeKeys().length > 0,
    ({ readers }, world) => {
      const keys = readers.largeKeys();
      const key = keys[world.chooser.pick(keys.length)];
      world.say(() => `the large value of key ${key} is being read`);
      world.spawn("read", readers.readLarge(key));
    },
  ),
};

function pickCall(world: World, fits: (call: Call) => boolean): Call | undefined {
  const calls = world.disk.calls.filter(fits);
  return calls.length === 0 ? undefined : calls[world.chooser.pick(calls.length)];
}

function anyCall(): boolean {
  return true;
}

function isPageWrite(call: Call): boolean {
  return call.kind === "write" && call.entries[0]?.content?.kind === "page";
}

function isSync(call: Call): boolean {
  return call.kind === "sync";
}

const SCHEDULING: Record<string, Action> = {
  open: {
    weight: 8,
    possible: ({ status }) => status === "down",
    run: (world) => world.open(),
  },
  io: {
    weight: 14,
    possible: ({ disk, status }) => disk.calls.length > 0 && status !== "down",
    run: (world) => {
      const call = pickCall(world, anyCall);
      if (call === undefined || (call.slow && world.chooser.pick(25) !== 0)) return;
      world.disk.complete(call);
    },
  },
  settle: {
    weight: 8,
    possible: ({ disk, processes, status }) =>
      (status === "up" || status === "opening") && (disk.calls.length > 0 || processes.length > 0),
    run: (world) => world.settle(world.chooser.pick(2) === 1),
  },
  go: {
    weight: 14,
    possible: ({ processes, status }) =>
      status !== "failed" && processes.some(({ waits }) => waits === undefined || waits()),
    run: (world) => {
      const ready = world.processes.filter(({ waits }) => waits === undefined || waits());
      if (ready.length > 0) world.advance(ready[world.chooser.pick(ready.length)]);
    },
  },
};

function isDown({ fault, nextFault, status, openings }: World): boolean {
  return fault === undefined && nextFault === "" && status === "down" && openings > 0;
}

function isFlippable(content: Content): boolean {
  return content !== undefined && content.kind !== "garbage";
}

const FATE: Record<string, Action> = {
  cut: {
    weight: 1,
    possible: ({ openings, status }) => openings > 0 && status !== "down",
    run: (world) => world.crash("cut"),
  },
  kill: {
    weight: 1,
    possible: ({ openings, status }) => openings > 0 && status !== "down",
    run: (world) => world.crash("kill"),
  },
  failPage: {
    weight: 1,
    possible: ({ disk, status }) => status === "up" && disk.calls.some(isPageWrite),
    run: (world) => {
      const call = pickCall(world, isPageWrite);
      if (call === undefined) return;
      call.failed = "error";
      world.say(() => "FAILURE: the write of a page fails");
      world.disk.complete(call);
    },
  },
  failSync: {
    weight: 1,
    possible: ({ disk, status }) => status === "up" && disk.calls.some(isSync),
    run: (world) => {
      const call = pickCall(world, isSync);
      if (call === undefined) return;
      call.failed = "error";
      world.say(() => `FAILURE: a sync of the ${call.file.name} file fails`);
      world.disk.complete(call);
    },
  },
  lose: {
    weight: 1,
    possible: ({ fault, nextFault, status }) =>
      fault === undefined && nextFault === "" && status !== "down",
    run: (world) => void (world.nextFault = "lost"),
  },
  misdirect: {
    weight: 1,
    possible: ({ fault, nextFault, status }) =>
      fault === undefined && nextFault === "" && status !== "down",
    run: (world) => void (world.nextFault = "misdirected"),
  },
  flipMeta: {
    weight: 3,
    possible: isDown,
    run: (world) => {
      const slot = world.chooser.pick(2);
      if (isFlippable(world.disk.data.at(slot))) world.flip(world.disk.data, slot);
    },
  },
  flipPage: {
    weight: 1,
    possible: isDown,
    run: (world) => {
      const place = 2 + world.chooser.pick(MAX_PLACES - 2);
      if (isFlippable(world.disk.data.at(place))) world.flip(world.disk.data, place);
    },
  },
  flipBlock: {
    weight: 2,
    possible: isDown,
    run: (world) => {
      const place = world.chooser.pick(RING_BLOCKS);
      if (isFlippable(world.disk.log.at(place))) world.flip(world.disk.log, place);
    },
  },
  disk: {
    weight: 0,
    possible: () => true,
    run: (world) => {
      world.disk.capacity = [MAX_PLACES, 24, 20, 16][world.chooser.pick(4)];
      if (world.disk.capacity < MAX_PLACES) {
        world.say(() => `the disk has room for ${world.disk.capacity} places`);
      }
    },
  },
};

/** Every action, by its name. */
export const ACTIONS: Readonly<Record<string, Action>> = {
  ...SCHEDULING,
  ...WRITES,
  ...TRANSACTIONS,
  ...UPKEEP,
  ...READS,
  ...FATE,
};

/** Actions that only a run with faults has. */
export const FAULT_ACTIONS: readonly string[] = [
  "lose",
  "misdirect",
  "flipMeta",
  "flipPage",
  "flipBlock",
];
