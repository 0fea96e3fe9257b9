/**
 * Steps of a life that read: what they show is what one of the versions has that there were
 * meanwhile.
 *
 * @module
 */

import type { Kvig } from "../../core/database.ts";
import { Violation } from "./calls.ts";
import type { Entry, IterationPlay, LifeContext } from "./context.ts";
import { nameOf, sameBytes, sumOf } from "./model.ts";
import type { RangePlan, Step } from "./plan.ts";

type Of<Kind extends Step["do"]> = Extract<Step, { readonly do: Kind }>;

/** Room for the largest value there is; whoever uses it waits for nothing meanwhile. */
const MEMORY = new Uint8Array(64 * 1024);

/** Fails unless the key has this value in one of the versions since `first`. */
function checkValue(
  life: LifeContext,
  what: string,
  index: number,
  value: Uint8Array | undefined,
  first: number,
): void {
  const name = life.name(index);
  const { model } = life;
  if (model.versionsWith(name, value, first, model.last).length > 0) return;
  const shown = value === undefined ? "nothing" : `a value of ${value.length} bytes`;
  const wanted = model.get(name, model.last);
  throw new Violation(
    `${what} of key ${index} shows ${shown}, versions ${first} to ${model.last} have another, ` +
      `the last one ${wanted === undefined ? "nothing" : `one of ${wanted.length} bytes`}`,
  );
}

/** Versions in which the range begins with these entries, and ends there if `whole`. */
function versionsShowing(
  life: LifeContext,
  range: RangePlan,
  entries: readonly Entry[],
  whole: boolean,
  versions: readonly number[],
): number[] {
  const shown = entries.map(([key]) => nameOf(key));
  return versions.filter((version) => {
    const names = life.names(range, version);
    if (whole ? names.length !== entries.length : names.length < entries.length) return false;
    return entries.every(([, value], i) =>
      names[i] === shown[i] && sameBytes(value, life.model.get(names[i], version))
    );
  });
}

function checkEntries(
  life: LifeContext,
  what: string,
  range: RangePlan,
  entries: readonly Entry[],
  first: number,
): void {
  const versions = life.versionsFrom(first);
  if (versionsShowing(life, range, entries, true, versions).length > 0) return;
  const wanted = life.names(range, life.model.last).length;
  throw new Violation(
    `${what} shows ${entries.length} entries that are those of no version from ${first} to ` +
      `${life.model.last}, the last of which has ${wanted}`,
  );
}

/** Reads one key. */
export function get(life: LifeContext, step: Of<"get" | "has" | "getInto">): void {
  const key = life.key(step.key);
  const first = life.settledVersion;
  const { store } = life;
  const sync = step.sync === true;
  const found = (value: Uint8Array | undefined): void =>
    checkValue(life, step.do, step.key, value, first);
  if (step.do === "get") {
    life.call("get", sync, () => sync ? store.getSync(key) : store.get(key), found);
  } else if (step.do === "getInto") {
    life.call("getInto", true, () => store.getInto(key, MEMORY), (length) => {
      found(length < 0 ? undefined : MEMORY.slice(0, length));
    });
  } else {
    life.call("has", sync, () => sync ? store.hasSync(key) : store.has(key), (there) => {
      const name = life.name(step.key);
      const { model } = life;
      for (let version = first; version <= model.last; version++) {
        if ((model.get(name, version) !== undefined) === there) return;
      }
      throw new Violation(`has() of key ${step.key} says ${there}`);
    });
  }
}

/** Reads many keys. */
export function getMany(life: LifeContext, step: Of<"getMany">): void {
  const keys = step.keys.map((index) => life.key(index));
  const first = life.settledVersion;
  const { store } = life;
  const sync = step.sync === true;
  life.call(
    "getMany",
    sync,
    () => sync ? store.getManySync(keys) : store.getMany(keys),
    (found) => {
      step.keys.forEach((index, i) => checkValue(life, "getMany", index, found[i], first));
    },
  );
}

/** Reads a range, walks it with a cursor, or counts it. */
export function readRange(life: LifeContext, step: Of<"range" | "cursor" | "count">): void {
  const { range } = step;
  const options = life.range(range);
  const first = life.settledVersion;
  const { store } = life;
  const sync = step.sync === true;
  if (step.do === "range") {
    const entries = (): Entry[] | Promise<Entry[]> =>
      sync ? store.range(options).toArraySync() : store.range(options).toArray();
    life.call<Entry[]>("range", sync, entries, (shown) => {
      checkEntries(life, "range", range, shown, first);
    });
  } else if (step.do === "cursor") {
    life.call("cursor", true, () => walkCursor(life, options), (shown) => {
      checkEntries(life, "cursor", range, shown, first);
    });
  } else {
    const { limit: _, reverse: _reverse, ...bounds } = options;
    const count = (): number | Promise<number> =>
      sync ? store.countSync(bounds) : store.count(bounds);
    life.call<number>("count", sync, count, (counted) => {
      const { from, to } = range;
      const wanted = {
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
      };
      const versions = life.versionsFrom(first);
      if (versions.some((version) => life.names(wanted, version).length === counted)) return;
      throw new Violation(`count says ${counted}`);
    });
  }
}

function walkCursor(life: LifeContext, options: Parameters<Kvig["cursor"]>[0]): Entry[] {
  const cursor = life.store.cursor(options);
  const entries: Entry[] = [];
  try {
    while (cursor.next()) {
      const key = MEMORY.slice(0, cursor.keyInto(MEMORY));
      entries.push([key, MEMORY.slice(0, cursor.valueInto(MEMORY))]);
    }
  } finally {
    cursor.close();
  }
  return entries;
}

/** Reads the first and the last entry. */
export function readEnds(life: LifeContext, step: Of<"ends">): void {
  const first = life.settledVersion;
  const { store } = life;
  const sync = step.sync === true;
  for (const reverse of [false, true]) {
    const make = ():
      | [Uint8Array, Uint8Array]
      | undefined
      | Promise<
        [Uint8Array, Uint8Array] | undefined
      > => {
      if (sync) return reverse ? store.lastSync() : store.firstSync();
      return reverse ? store.last() : store.first();
    };
    life.call<[Uint8Array, Uint8Array] | undefined>(
      reverse ? "last" : "first",
      sync,
      make,
      (entry) => {
        const shown = entry === undefined ? [] : [entry];
        checkEntries(life, reverse ? "last" : "first", { reverse, limit: 1 }, shown, first);
      },
    );
  }
}

/** Opens a snapshot. */
export function openSnapshot(life: LifeContext): void {
  if (life.snapshots.length >= 4) return;
  const versions = life.versionsFrom(life.settledVersion);
  life.call("snapshot", true, () => life.store.snapshot(), (snapshot) => {
    life.snapshots.push({ snapshot, versions });
  });
}

/** Reads a snapshot, which shows the same for ever. */
export function readSnapshot(life: LifeContext, step: Step): void {
  const play = life.snapshots.at(life.calls % Math.max(1, life.snapshots.length));
  if (play === undefined) return;
  const { snapshot } = play;
  const sync = step.sync === true;
  const make = (): Entry[] | Promise<Entry[]> =>
    sync ? snapshot.range().toArraySync() : snapshot.range().toArray();
  life.call<Entry[]>("read snapshot", sync, make, (entries) => {
    const sum = sumOf(entries);
    const { model } = life;
    play.versions = play.versions.filter((version) =>
      model.sum(version) === sum && model.count(version) === entries.length
    );
    if (play.versions.length === 0) {
      throw new Violation(`a snapshot shows ${entries.length} entries of no version it may show`);
    }
  }, (error) => {
    // Closed by a step that came meanwhile.
    if (error.code === "KVIG_CLOSED") return;
  });
}

/** Closes the oldest snapshot. */
export function closeSnapshot(life: LifeContext): void {
  if (life.underWay > 0) return;
  life.snapshots.shift()?.snapshot.close();
}

/** Begins an iteration. */
export function iterate(life: LifeContext, step: Of<"iterate">): void {
  if (life.iterations.length >= 3) return;
  const { range } = step;
  const sync = step.sync === true;
  const make = (): IterationPlay["iterator"] => {
    const entries = life.store.range(life.range(range));
    return sync ? entries[Symbol.iterator]() : entries[Symbol.asyncIterator]();
  };
  life.call("begin to iterate", true, make, (iterator) => {
    life.iterations.push({ range, sync, iterator, taken: [], versions: undefined, busy: false });
  });
}

/** Takes some entries of an iteration. */
export function iterateOn(life: LifeContext, step: Of<"iterate on">): void {
  const play = life.iterations.find(({ busy }) => !busy);
  if (play === undefined) return;
  play.versions ??= life.versionsFrom(life.settledVersion);
  play.busy = true;
  const drop = (): void => {
    life.iterations = life.iterations.filter((each) => each !== play);
  };
  const make = (): boolean | Promise<boolean> =>
    play.sync ? takeSync(play, step.entries) : takeLater(play, step.entries);
  life.call<boolean>("iterate", play.sync, make, (done) => {
    play.busy = false;
    if (done) drop();
    const shown = versionsShowing(life, play.range, play.taken, done, play.versions!);
    if (shown.length === 0) {
      throw new Violation(`an iteration shows ${play.taken.length} entries of no version`);
    }
    play.versions = shown;
  }, drop);
}

function takeSync({ iterator, taken }: IterationPlay, count: number): boolean {
  for (let i = 0; i < count; i++) {
    const result = (iterator as Iterator<[Uint8Array, Uint8Array]>).next();
    if (result.done === true) return true;
    taken.push(result.value);
  }
  return false;
}

async function takeLater({ iterator, taken }: IterationPlay, count: number): Promise<boolean> {
  for (let i = 0; i < count; i++) {
    const result = await iterator.next();
    if (result.done === true) return true;
    taken.push(result.value);
  }
  return false;
}

/** Ends an iteration early. */
export function endIteration(life: LifeContext): void {
  const play = life.iterations.find(({ busy }) => !busy);
  if (play === undefined) return;
  life.iterations = life.iterations.filter((each) => each !== play);
  const make = (): unknown => play.iterator.return?.();
  life.call("end iteration", play.sync, make, () => {});
}
