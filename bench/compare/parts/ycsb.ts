/**
 * The mixes of the Yahoo Cloud Serving Benchmark: 64 tasks at once, keys zipfian, each write
 * synced when its task goes on.
 *
 * @module
 */

import { Buffer } from "node:buffer";

import { randomBelow } from "../../support/keys.ts";
import { glance } from "../dataset.ts";
import type { Engine } from "../engine.ts";
import { DURABLE, type Part, type Work } from "../part.ts";
import { type Session, WARM_UP_OPERATIONS } from "../session.ts";

import { Zipfian } from "../zipfian.ts";
import { fillInBatches, inOrder, warmUpWrites } from "./filling.ts";

const TASKS = 64;
const STORE = "ycsb";
const MOST_SCANNED = 100;
/** Where a mix takes long, so much of it is enough. */
const LONGEST_MILLISECONDS = 5_000;

/** A mix: how many of a hundred operations are of each kind; the rest are plain reads. */
interface Mix {
  readonly id: string;
  readonly what: string;
  /** Operations that are timed. */
  readonly operations: number;
  readonly update?: number;
  readonly change?: number;
  readonly insert?: number;
  readonly scan?: number;
  /** Whether reads are of what was inserted last. */
  readonly latest?: boolean;
}

const MIXES: readonly Mix[] = [
  { id: "a", what: "half reads, half updates", operations: 19_200, update: 50 },
  { id: "b", what: "95 % reads, updates", operations: 64_000, update: 5 },
  { id: "c", what: "reads", operations: 128_000 },
  {
    id: "d",
    what: "95 % reads of the latest, inserts",
    operations: 64_000,
    insert: 5,
    latest: true,
  },
  { id: "e", what: "95 % ranges of up to 100, inserts", operations: 12_800, insert: 5, scan: 95 },
  { id: "f", what: "half reads, half read-modify-writes", operations: 19_200, change: 50 },
];

/** The mixes. */
export const YCSB: Part = {
  id: "ycsb",
  what: "mixed work of 64 tasks, zipfian",
  works: MIXES.map(({ id, what, update, change, insert }): Work => ({
    id: `ycsb-${id}`,
    what: `YCSB ${id.toUpperCase()}: ${what}`,
    unit: "operation",
    ...((update ?? change ?? insert) === undefined ? {} : { durability: DURABLE }),
  })),
  async run(session) {
    await warmUpWrites(session);
    const filling = await session.open(STORE);
    await fillInBatches(filling, session.data, inOrder(session.data));
    await filling.close();
    const engine = await session.open(STORE, { commits: "awaited" });
    await engine.scan?.({ reverse: false }, () => {});
    const client = new Client(session, engine);
    await client.run({ id: "", what: "", operations: WARM_UP_OPERATIONS });
    for (const mix of MIXES) {
      const work = `ycsb-${mix.id}`;
      if (!session.wants(work)) continue;
      if (mix.change !== undefined && engine.changeAwaited === undefined) continue;
      if (mix.scan !== undefined && engine.scan === undefined) continue;
      await client.run({ ...mix, operations: Math.ceil(mix.operations / 4) });
      const begun = performance.now();
      const done = await client.run(mix);
      session.noteTime(work, performance.now() - begun, done);
    }
    await client.check();
    await engine.close();
  },
};

/** Does the operations of mixes, and remembers what it wrote. */
class Client {
  readonly #session: Session;
  readonly #engine: Engine;
  readonly #random = randomBelow(11);
  readonly #zipfian: Zipfian;
  /** How often each entry was written, by number; grows with inserts. */
  readonly #versions: number[];

  constructor(session: Session, engine: Engine) {
    this.#session = session;
    this.#engine = engine;
    this.#zipfian = new Zipfian(session.data.entries, this.#random);
    this.#versions = new Array<number>(session.data.entries).fill(0);
  }

  /** Does a mix with all tasks at once; fewer where it takes long. Returns how many. */
  async run(mix: Mix): Promise<number> {
    const each = Math.ceil(mix.operations / TASKS);
    const end = performance.now() + LONGEST_MILLISECONDS;
    const done = await Promise.all(Array.from({ length: TASKS }, () => this.#task(mix, each, end)));
    return done.reduce((sum, operations) => sum + operations, 0);
  }

  async #task(mix: Mix, operations: number, end: number): Promise<number> {
    const { update = 0, change = 0, insert = 0, scan = 0 } = mix;
    const key = this.#session.data.shape.make();
    for (let i = 0; i < operations; i++) {
      const dice = this.#random(100);
      if (dice < update) await this.#update(key);
      else if (dice < update + change) await this.#change(key);
      else if (dice < update + change + insert) await this.#insert(key);
      else if (dice < update + change + insert + scan) await this.#scan(key);
      else {
        const read = this.#read(key, mix.latest ?? false);
        if (read !== undefined) await read;
      }
      // A look at the clock costs more than some reads take.
      if (i % 16 === 0 && performance.now() > end) return i + 1;
    }
    return operations;
  }

  #key(key: Uint8Array, number: number): Uint8Array {
    this.#session.data.shape.write(key, number);
    return key;
  }

  #read(key: Uint8Array, latest: boolean): Promise<void> | undefined {
    const number = latest
      ? Math.max(0, this.#versions.length - TASKS - 1 - this.#zipfian.rank())
      : this.#zipfian.scattered();
    this.#key(key, number);
    // What is cached is read at once where the store can do that.
    if (this.#engine.get !== undefined && this.#session.job.fits) {
      this.#see(this.#engine.get(key));
      return undefined;
    }
    return this.#engine.getAwaited?.(key).then((value) => this.#see(value)) ??
      Promise.resolve(this.#see(this.#engine.get?.(key)));
  }

  #see(value: Uint8Array | undefined): void {
    if (value === undefined) throw new Error("an entry is missing");
    if (value.length !== this.#session.data.valueBytes || glance(value) === 0) {
      throw new Error("an entry was cut short");
    }
  }

  async #update(key: Uint8Array): Promise<void> {
    const number = this.#zipfian.scattered();
    const value = this.#session.data.value(number, ++this.#versions[number]);
    await this.#engine.putAwaited!(this.#key(key, number), value);
  }

  async #change(key: Uint8Array): Promise<void> {
    const number = this.#zipfian.scattered();
    await this.#engine.changeAwaited!(this.#key(key, number), (old) => {
      this.#see(old);
      return this.#session.data.value(number, ++this.#versions[number]);
    });
  }

  async #insert(key: Uint8Array): Promise<void> {
    const number = this.#versions.push(0) - 1;
    await this.#engine.putAwaited!(this.#key(key, number), this.#session.data.value(number));
  }

  async #scan(key: Uint8Array): Promise<void> {
    const limit = 1 + this.#random(MOST_SCANNED);
    const from = this.#key(key, this.#zipfian.scattered());
    let seen = 0;
    await this.#engine.scan!({ reverse: false, from, limit }, (_, value) => {
      seen++;
      this.#see(value);
    });
    if (seen === 0) throw new Error("a range was empty");
  }

  /** Fails unless every entry has a value that was written to it, none being missing. */
  async check(): Promise<void> {
    const { data } = this.#session;
    for (let number = 0; number < this.#versions.length; number++) {
      const key = data.key(number);
      const found = await (this.#engine.getAwaited?.(key) ?? this.#engine.get?.(key));
      if (found === undefined) throw new Error("an entry is missing");
      let version = this.#versions[number];
      // Stores may put the writes of several tasks in an order of their own.
      while (version >= 0 && Buffer.compare(found, data.value(number, version)) !== 0) version--;
      if (version < 0) throw new Error("an entry has a value that was never written");
    }
  }
}
