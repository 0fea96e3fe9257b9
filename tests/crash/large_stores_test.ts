/**
 * Power cuts in stores several times the cache, of tens of thousands of keys, with values of up to
 * 60 KB. The simulated lives of `npm run sim` and the enumeration of every crash have tiny stores
 * only; here pages are evicted and spilt, and transactions outgrow a log of the public sizes.
 *
 * One equality decides: what a power cut leaves is the state after a commit that is not before the
 * last acknowledged and not behind the last issued one.
 *
 * @module
 */

import { test } from "node:test";

import type { Kvig, Snapshot, Transaction } from "../../mod.ts";
import { SimDisk } from "../sim/disk.ts";
import type { OperationKind } from "../sim/faults.ts";
import { SimIo } from "../sim/io.ts";
import { KEY_SHAPES, type KeyShape, keyWith, valueWith } from "../sim/keys.ts";
import { type Change, keyOf, sumOf, VersionedModel } from "../sim/model.ts";
import type { Blocking } from "../sim/process.ts";
import { PROFILES } from "../sim/profile.ts";
import { LATENCIES } from "../sim/scheduler.ts";
import { assert, assertEquals, fail } from "../support/assert.ts";
import { type Random, withSeeds } from "../support/random.ts";
import { open, openSync } from "../support/runtime.ts";
import { assertSound, PATH, SMALL } from "../support/store.ts";

/** Keys that a store begins with, and those that there can be. */
const LOADED_KEYS = 20_000;
const KEYS = 25_000;
const MAX_KEY_BYTES = 40;
const MAX_VALUE_BYTES = 60_000;
/** Changes of a transaction that does not fit the cache. */
const MANY_CHANGES = 3000;
const STEPS = 50;
/** Neither the shortest latency nor one that takes most of the time. */
const LATENCY = LATENCIES[1];
const MAX_UNDER_WAY = 12;
const CHANGING: readonly OperationKind[] = [
  ...["batch", "open", "remove", "truncate", "write"] as const,
  ...["sync data", "sync full", "sync directory"] as const,
];
const ROLL_BACK = new Error("rolled back on purpose");

/** A disk that a power cut left, and the versions that it may show. */
interface Left {
  readonly disk: SimDisk;
  readonly first: number;
  readonly last: number;
}

type PutOrDelete = Exclude<Change, { kind: "clear" }>;

/** Several lives of one store. */
class LargeStore {
  /** Power cuts looked at. */
  looked = 0;
  readonly #random: Random;
  readonly #blocking: Blocking;
  readonly #shape: KeyShape;
  readonly #model = new VersionedModel();
  readonly #left: Left[] = [];
  #io: SimIo;
  #store!: Kvig;
  #under = new Set<Promise<void>>();
  /** The last version that must survive, and the last one that is applied. */
  #acknowledged = 0;
  #applied = 0;
  /** Operations until the next cut. */
  #cutAfter = Infinity;
  #life = 0;
  #tags = 0;
  #failure: unknown = undefined;

  constructor(random: Random, blocking: Blocking) {
    this.#random = random;
    this.#blocking = blocking;
    this.#shape = random.pick(KEY_SHAPES);
    this.#io = this.#boot(new SimDisk({}, PROFILES[random.pick(["posix", "paranoid"] as const)]));
  }

  async run(): Promise<void> {
    await this.#open();
    await this.#load();
    const crashAt = this.#random.between(STEPS >>> 2, STEPS - 1);
    for (let step = 0; step < STEPS; step++) {
      if (this.#random.oneIn(6)) {
        this.#cutAfter = this.#random.below(this.#random.pick([2, 10, 50, 300]));
      }
      this.#step();
      const { size } = this.#under;
      if (size >= MAX_UNDER_WAY || (size > 0 && this.#random.oneIn(10))) {
        await Promise.race(this.#under);
      }
      if (this.#failure !== undefined) throw this.#failure;
      for (const left of this.#left.splice(0)) this.#look(left);
      if (step === crashAt) await this.#crash();
    }
    await this.#finish();
  }

  // Lives

  #boot(disk: SimDisk): SimIo {
    const seed = this.#random.below(2 ** 32);
    const io = new SimIo({ seed, disk, blocking: this.#blocking, latency: LATENCY });
    io.onOperation = ({ kind }) => {
      if (!CHANGING.includes(kind) || this.#cutAfter-- > 0) return;
      this.#cutAfter = Infinity;
      this.#left.push(this.#cut());
    };
    return io;
  }

  /** What a power cut at this moment leaves. */
  #cut(): Left {
    const disk = this.#io.disk.cut(this.#random);
    return { disk, first: this.#acknowledged, last: this.#model.last };
  }

  async #open(): Promise<void> {
    const options = { ...SMALL, io: this.#io };
    this.#store = this.#io.canBlock ? openSync(PATH, options) : await open(PATH, options);
  }

  /** Many keys, before anything is cut. */
  async #load(): Promise<void> {
    const changes = Array.from({ length: LOADED_KEYS }, (_, i) => this.#put(i, 150));
    while (changes.length > 0) this.#batch(changes.splice(0, 2000), true);
    await Promise.all(this.#under);
    const { bytes } = this.#store.stats();
    assert(bytes.data > 3 * SMALL.cacheSize!, `the file is large, it has ${bytes.data} bytes`);
  }

  /** The process ends amid whatever is under way, and another one goes on. */
  async #crash(): Promise<void> {
    const { breaches } = this.#io;
    const disk = this.#io.crash(this.#random.oneIn(4) ? "kill" : "power");
    assertEquals(breaches.slice(0, 3), []);
    this.#life++;
    this.#under = new Set();
    this.#cutAfter = Infinity;
    this.#io = this.#boot(disk);
    await this.#open();
    const version = await this.#check(this.#store, this.#acknowledged);
    this.#model.rebase(version);
    this.#acknowledged = this.#applied = 0;
  }

  async #finish(): Promise<void> {
    await Promise.all(this.#under);
    if (this.#failure !== undefined) throw this.#failure;
    await this.#check(this.#store, this.#model.last);
    assertSound(await this.#store.verify());
    await this.#store.close();
    assertEquals(this.#io.breaches.slice(0, 3), []);
    this.#acknowledged = this.#model.last;
    this.#look(this.#cut());
  }

  // Looking

  /** Opens what is left; now and then that is cut too, which must not change what is shown. */
  #look({ disk, first, last }: Left, depth = 0): void {
    this.looked++;
    const random = this.#random;
    const copy = depth < 2 && random.oneIn(2) ? disk.killed() : undefined;
    const store = openSync(PATH, { ...SMALL, io: new SimIo({ seed: depth, disk }) });
    const version = this.#match(store.range().toArraySync(), first, last);
    assertSound(store.verifySync());
    store.closeSync();
    if (copy === undefined) return;
    const io = new SimIo({ seed: depth + 100, disk: copy });
    let wait = random.below(40);
    let cut: SimDisk | undefined = undefined;
    io.onOperation = ({ kind }) => {
      if (CHANGING.includes(kind) && wait-- === 0) cut = copy.cut(random);
    };
    openSync(PATH, { ...SMALL, io });
    this.#look({ disk: cut ?? copy.cut(random), first: version, last: version }, depth + 1);
  }

  /** The version that a reader shows, which was made now. */
  async #check(reader: Kvig | Snapshot, first: number): Promise<number> {
    const { last } = this.#model;
    const range = reader.range();
    return this.#match(
      this.#io.canBlock ? range.toArraySync() : await range.toArray(),
      first,
      last,
    );
  }

  #match(entries: [Uint8Array, Uint8Array][], first: number, last: number): number {
    const [sum, count] = [sumOf(entries), entries.length];
    const found = this.#model.versionsLike(sum, count, first, last).at(-1);
    if (found !== undefined) return found;
    const ever = this.#model.versionsLike(sum, count, 0, this.#model.last);
    fail(
      `shown are ${count} entries, as after ${ever.join(", ") || "no commit there was"}; ` +
        `wanted is the state after a commit from ${first} to ${last}`,
    );
  }

  // Work

  #track(work: Promise<unknown>): void {
    const life = this.#life;
    const under: Promise<void> = work.then(() => {}, (error) => {
      if (life === this.#life) this.#failure ??= error;
    }).then(() => {
      this.#under.delete(under);
    });
    this.#under.add(under);
  }

  /** Does something now where the Io blocks, and beside what is under way where it does not. */
  #call(now: () => unknown, later: () => Promise<unknown>, over: () => void = () => {}): void {
    const life = this.#life;
    const noted = (): void => {
      if (life === this.#life) over();
    };
    if (this.#io.canBlock) {
      now();
      noted();
    } else this.#track(later().then(noted));
  }

  #write(changes: Change[], deferred: boolean, now: () => unknown, later: () => Promise<unknown>) {
    const version = this.#model.issue(changes);
    this.#call(now, later, () => {
      this.#applied = Math.max(this.#applied, version);
      if (!deferred) this.#acknowledged = Math.max(this.#acknowledged, version);
    });
  }

  /** What was applied before is safe afterwards. */
  #safe(now: () => unknown, later: () => Promise<unknown>): void {
    const applied = this.#applied;
    this.#call(now, later, () => {
      this.#acknowledged = Math.max(this.#acknowledged, applied);
    });
  }

  #put(key: number, largeOneIn: number): PutOrDelete {
    const random = this.#random;
    const most = random.oneIn(largeOneIn) ? MAX_VALUE_BYTES : random.oneIn(6) ? 256 : 40;
    const value = valueWith(this.#tags++, random.below(most));
    return { kind: "put", key: keyWith(this.#shape, key, MAX_KEY_BYTES), value };
  }

  #changes(count: number, largeOneIn = 20): PutOrDelete[] {
    return Array.from({ length: count }, () => {
      const change = this.#put(this.#random.below(KEYS), largeOneIn);
      return this.#random.oneIn(4) ? { kind: "delete", key: change.key } : change;
    });
  }

  #step(): void {
    const store = this.#store;
    const kind = this.#random.below(16);
    if (kind < 3) this.#batch(this.#changes(1), this.#random.oneIn(3));
    else if (kind < 6) this.#batch(this.#changes(this.#random.below(25)), this.#random.oneIn(3));
    else if (kind < 11) this.#transact();
    else if (kind === 11) this.#clear();
    else if (kind === 12) this.#safe(() => store.flushSync(), () => store.flush());
    else if (kind === 13) this.#safe(() => store.checkpointSync(), () => store.checkpoint());
    else if (kind === 14) this.#call(() => store.compactSync(), () => store.compact());
    else this.#track(this.#readAll());
  }

  #batch(changes: PutOrDelete[], deferred: boolean): void {
    const store = this.#store;
    const operations = changes.map((change) =>
      change.kind === "put"
        ? { type: "put" as const, key: change.key, value: change.value }
        : { type: "delete" as const, key: change.key }
    );
    const options = { durability: deferred ? "deferred" : "sync" } as const;
    this.#write(
      changes,
      deferred,
      () => store.batchSync(operations, options),
      () => store.batch(operations, options),
    );
  }

  /** A transaction; now and then it has more dirty pages than the cache takes. */
  #transact(): void {
    const random = this.#random;
    const store = this.#store;
    const changes = random.oneIn(4)
      ? this.#changes(random.below(MANY_CHANGES), 300)
      : this.#changes(random.below(40));
    const rolledBack = random.oneIn(3);
    const now = (): void => {
      try {
        store.transactionSync((tx) => {
          for (const change of changes) changeSync(tx, change);
          if (rolledBack) throw ROLL_BACK;
        });
      } catch (error) {
        if (error !== ROLL_BACK) throw error;
      }
    };
    const later = async (): Promise<void> => {
      const work = store.transaction(async (tx) => {
        const many: Promise<unknown>[] = [];
        for (const change of changes) {
          many.push(changeLater(tx, change));
          if (many.length >= 50) await Promise.all(many.splice(0));
        }
        await Promise.all(many);
        if (rolledBack) throw ROLL_BACK;
      });
      await work.catch((error) => {
        if (error !== ROLL_BACK) throw error;
      });
    };
    if (rolledBack) this.#call(now, later);
    else this.#write(changes, false, now, later);
  }

  /** Removes up to a few hundred neighbours. */
  #clear(): void {
    const store = this.#store;
    const names = this.#model.names(this.#model.last);
    const first = this.#random.below(names.length);
    const [from, to] = [names[first], names[first + this.#random.below(400)]];
    if (from === undefined || to === undefined) return;
    const range = { gte: keyOf(from), lt: keyOf(to) };
    const change: Change = { kind: "clear", from, to };
    this.#write([change], false, () => store.clearSync(range), () => store.clear(range));
  }

  /** A snapshot shows one of the states there were. */
  async #readAll(): Promise<void> {
    using snapshot = this.#store.snapshot();
    await this.#check(snapshot, this.#applied);
  }
}

function changeSync(tx: Transaction, change: PutOrDelete): void {
  if (change.kind === "put") tx.putSync(change.key, change.value);
  else tx.deleteSync(change.key);
}

function changeLater(tx: Transaction, change: PutOrDelete): Promise<unknown> {
  return change.kind === "put" ? tx.put(change.key, change.value) : tx.delete(change.key);
}

for (const blocking of ["always", "never"] as const) {
  const name = `a large store loses nothing acknowledged, blocking ${blocking}`;
  test(name, { timeout: 300_000 }, async () => {
    let looked = 0;
    await withSeeds(name, 3, async (random) => {
      const store = new LargeStore(random, blocking);
      await store.run();
      looked += store.looked;
    });
    console.log(`${looked} power cuts`);
    assert(looked > 0, "some were looked at");
  });
}
