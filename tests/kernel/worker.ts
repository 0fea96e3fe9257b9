/**
 * A process that works with a store while the job hurts it; see `life.ts` for what it is told and
 * what it says.
 *
 * @module
 */

import { mkdirSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";

import { isKvigError } from "../../core/errors.ts";
import type { Kvig, VerifyReport } from "../../mod.ts";
import { assertEquals } from "../support/assert.ts";
import { sumOf } from "../sim/model.ts";
import type { Entry } from "../support/model.ts";
import { commit, commitSync, DEFERRED_TASK, FLUSH_EVERY } from "../support/numbered_commits.ts";
import { open, openSync, runtimeName } from "../support/runtime.ts";
import { say } from "../support/say.ts";
import { assertSound, textOf } from "../support/store.ts";
import {
  type Answer,
  type Call,
  failureOf,
  type Life,
  type MarkName,
  placeOf,
  type Told,
} from "./life.ts";

const isDue = (every: number, number: number): boolean => every > 0 && number % every === 0;

/** Calls a verb of a store in one of its two forms. */
function call(store: Kvig, verb: string, blocking: boolean, words: unknown[]): unknown {
  const verbs = store as unknown as Record<string, (...words: unknown[]) => unknown>;
  return verbs[blocking ? `${verb}Sync` : verb]!(...words);
}

/** One life of a store in this process. */
class Living {
  readonly #life: Life;
  readonly #underWay = new Set<Promise<void>>();
  #store: Kvig | undefined = undefined;
  #call = "";
  #last: number;
  #failed = false;

  constructor(life: Life) {
    this.#life = life;
    this.#last = life.first - 1;
  }

  async live(): Promise<void> {
    try {
      await this.#open();
      await this.#work();
      if (!this.#failed) await this.#close();
    } catch (error) {
      this.#fail(error, this.#call);
    }
    await Promise.all(this.#underWay);
    if (this.#failed) this.#mark("settled");
    if (this.#failed && this.#store !== undefined) await this.#end();
    say("down");
  }

  #mark(name: MarkName): void {
    if (this.#life.marks !== undefined) mkdirSync(`${this.#life.marks}/${name}`);
  }

  #fail(error: unknown, what: string): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#mark("failed");
    say(`failed ${JSON.stringify(failureOf(error, what))}`);
  }

  #do(verb: string, ...words: unknown[]): unknown {
    this.#call = verb;
    return call(this.#store!, verb, this.#life.blocking, words);
  }

  async #open(): Promise<void> {
    const { path, options, blocking } = this.#life;
    this.#call = "open";
    this.#store = undefined;
    this.#store = blocking ? openSync(path, options) : await open(path, options);
    say("open");
    this.#call = "range";
    const range = this.#store.range();
    const entries = blocking ? range.toArraySync() : await range.toArray();
    this.#sayFound(entries, await this.#do("verify") as VerifyReport);
  }

  #sayFound(entries: Entry[], report: VerifyReport): void {
    const [problem] = report.problems;
    const rest = problem === undefined && report.ok
      ? "sound"
      : `${report.problems.length} problems, the first: ${problem?.what}, page ${problem?.page}`;
    say(`found ${sumOf(entries)} ${entries.length} ${rest}`);
  }

  async #work(): Promise<void> {
    const { first, limit, window } = this.#life;
    for (let number = first; number < first + limit && !this.#failed; number++) {
      const made: Promise<void> = this.#commit(number)
        .catch((error) => this.#fail(error, `commit ${number}`))
        .finally(() => this.#underWay.delete(made));
      this.#underWay.add(made);
      if (this.#underWay.size >= window) await Promise.race(this.#underWay);
      if (!this.#failed) await this.#upkeep(number);
    }
    await Promise.all(this.#underWay);
  }

  async #commit(number: number): Promise<void> {
    const { task, n } = placeOf(number);
    const store = this.#store!;
    const { blocking } = this.#life;
    this.#last = number;
    say(`i ${number}`);
    const made = blocking ? commitSync(store, task, n) : await commit(store, task, n);
    if (task === DEFERRED_TASK && n % FLUSH_EVERY === 0) {
      if (blocking) store.flushSync();
      else await store.flush();
    } else if (task === DEFERRED_TASK || !made) return;
    say(`a ${number}`);
  }

  async #upkeep(number: number): Promise<void> {
    const { checkpointEvery, compactEvery, reopenEvery } = this.#life;
    if (isDue(checkpointEvery, number)) {
      say("upkeep");
      // Of commits that are under way beside it nobody knows whether it made them durable.
      const alone = this.#underWay.size === 0;
      await this.#do("checkpoint");
      if (alone) say(`a ${number}`);
    }
    if (isDue(compactEvery, number)) {
      say("upkeep");
      await this.#do("compact");
    }
    if (isDue(reopenEvery, number)) {
      await Promise.all(this.#underWay);
      if (this.#failed) return;
      await this.#close();
      await this.#open();
    }
  }

  async #close(): Promise<void> {
    say("upkeep");
    await this.#do("close");
    say(`a ${this.#last}`);
  }

  /** What a store does after something failed: every call settles, and says why in a code. */
  async #end(): Promise<void> {
    if (this.#life.tryAfter) {
      await this.#after("put", "after", "the failure");
      await this.#after("put", "after", "once more");
      await this.#after("flush");
      await this.#after("get", "counter");
      await this.#after("checkpoint");
    }
    await this.#after("close");
    this.#mark("closed");
  }

  async #after(verb: string, ...words: unknown[]): Promise<void> {
    try {
      await this.#do(verb, ...words);
      say(`after ${JSON.stringify({ call: verb })}`);
    } catch (error) {
      say(`after ${JSON.stringify(failureOf(error, verb))}`);
    }
  }
}

let stepped: Kvig | undefined = undefined;

/** A result in a form that can be said. */
function sayable(value: unknown): unknown {
  if (value instanceof Uint8Array) return textOf(value);
  if (Array.isArray(value)) return value.map(sayable);
  return value;
}

/** Carries one step out. */
async function step({ verb, words, blocking }: Call): Promise<unknown> {
  if (verb === "open") {
    const [path, options] = words as [string, Life["options"]];
    stepped = undefined;
    stepped = blocking ? openSync(path, options) : await open(path, options);
    return;
  }
  if (stepped === undefined) throw new Error(`${verb} without an open store`);
  const own = STEPS[verb];
  if (own !== undefined) return await own(stepped, blocking, ...words as number[]);
  return sayable(await call(stepped, verb, blocking, words));
}

const fillKey = (number: number): string => `fill ${String(number).padStart(8, "0")}`;
const fillValue = (number: number, bytes: number): string => `${number} `.padEnd(bytes, "value ");

/** Steps that are more than one call of the store. */
const STEPS: Readonly<
  Record<string, (store: Kvig, blocking: boolean, ...words: number[]) => Promise<unknown>>
> = {
  /** The sum of the hashes of all entries. */
  async sum(store) {
    return sumOf(await store.range().toArray());
  },
  async assertSound(store, blocking) {
    assertSound(await call(store, "verify", blocking, []) as VerifyReport);
  },
  /** Puts numbered keys from `first` on until one is refused; the number of that, and why. */
  async fill(store, blocking, first, valueBytes) {
    for (let number = first!;; number++) {
      try {
        const words = [fillKey(number), fillValue(number, valueBytes!)];
        await call(store, "put", blocking, words);
      } catch (error) {
        return { end: number, failure: failureOf(error, `put ${number}`) };
      }
    }
  },
  /** Puts them up to `end`. */
  async fillTo(store, blocking, end, valueBytes, first = 0) {
    for (let number = first; number < end!; number++) {
      const words = [fillKey(number), fillValue(number, valueBytes!), { durability: "deferred" }];
      await call(store, "put", blocking, words);
    }
    await call(store, "flush", blocking, []);
    return end;
  },
  /** Gets them; how many were right, and how many of each code were refused. */
  async checkFill(store, blocking, first, end, valueBytes) {
    const refused: Record<string, number> = {};
    let right = 0;
    for (let number = first!; number < end!; number++) {
      try {
        const found = await call(store, "get", blocking, [fillKey(number)]) as Uint8Array;
        assertEquals(textOf(found), fillValue(number, valueBytes!), `the value of ${number}`);
        right++;
      } catch (error) {
        if (!isKvigError(error)) throw error;
        refused[error.code] = (refused[error.code] ?? 0) + 1;
      }
    }
    return { right, refused };
  },
};

async function answer(told: Call): Promise<void> {
  let said: Answer;
  try {
    said = { value: await step(told) };
  } catch (error) {
    said = { failure: failureOf(error, told.verb) };
  }
  say(`answer ${JSON.stringify(said)}`);
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const told = JSON.parse(line) as Told;
  void ("life" in told ? new Living(told.life).live() : answer(told.call));
}).on("close", () => process.exit());
say(`ready ${runtimeName} ${process.version}`);
