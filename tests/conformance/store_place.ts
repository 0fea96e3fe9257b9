/**
 * Where a case of the store works: stores of text over the Io that is tested, in either form of
 * every verb, and ways to leave them as the end of a process does.
 *
 * A case never ends before its store was verified, closed, opened again, compared and verified once
 * more: {@link storeCase} sees to that.
 *
 * @module
 */

import { utf8 } from "../../core/codec.ts";
import type { Kvig } from "../../core/database.ts";
import { isKvigError, type KvigError, type KvigErrorCode } from "../../core/errors.ts";
import type { Signalled } from "../../core/host.ts";
import type { Io } from "../../core/io.ts";
import { type OpenOptions, openStore, openStoreSync } from "../../core/open_store.ts";
import type { Reader } from "../../core/reader.ts";
import type { Transaction } from "../../core/transaction.ts";
import { check, checkEqual, ConformanceError, notProven, show } from "./check.ts";
import { readAll, result } from "./check.ts";
import type { Case, Place } from "./harness.ts";
import { KeptIo } from "./store_kept_io.ts";
import { synchronousVerbs, type Verbs, waitingVerbs } from "./store_verbs.ts";

/** A store whose keys and values are text. */
export type TextStore = Kvig<string, string, string, string>;
/** What can be read: a store, a snapshot or a transaction of text. */
export type TextReader = Reader<string, string, string, string>;
/** A transaction of text. */
export type TextTransaction = Transaction<string, string, string, string>;
/** How to open a store of text. */
export type TextOptions = OpenOptions<string, string, string, string>;

/** The form of the verbs that a case uses: promises, or `Sync`. */
export type Form = "promises" | "Sync";

/** A mebibyte, in bytes. */
export const MEBIBYTE: number = 1024 * 1024;

/** The smallest cache and log there are: evictions and checkpoints with little data. */
const SMALL: TextOptions = { key: utf8, value: utf8, cacheSize: MEBIBYTE, logSize: MEBIBYTE };

/** The name of a case's store in its directory. */
const NAME = "store";

/** Where one case of the store works. */
export class StorePlace {
  /** The place of the case. */
  readonly place: Place;
  /** The form of the verbs that the case uses. */
  readonly form: Form;
  /** The Io that is tested; whatever it opens is closed when the case is over. */
  io: KeptIo;
  #store: TextStore | undefined = undefined;
  #options: TextOptions = SMALL;

  /** A place for one case, in one form. */
  constructor(place: Place, form: Form) {
    this.place = place;
    this.form = form;
    this.io = new KeptIo(place.io, place);
  }

  /**
   * The store that is open. It is what the end of the case verifies.
   * @throws {ConformanceError} where none is.
   */
  get store(): TextStore {
    check(this.#store !== undefined, "the case has a store open");
    return this.#store;
  }

  /** The verbs of the open store, in the form of the case. */
  get verbs(): Verbs {
    return this.verbsOf(this.store);
  }

  /** The verbs of any store, in the form of the case. */
  verbsOf(store: TextStore): Verbs {
    return this.form === "Sync" ? synchronousVerbs(store) : waitingVerbs(store);
  }

  /** The path of the store, or of another file beside it. */
  path(name: string = NAME): string {
    return this.place.path(name);
  }

  /** The options of every opening, with `options`. Where there are no locks nobody asks for one. */
  options(options: TextOptions = {}): TextOptions {
    const lock = this.place.supports.locks !== false;
    return { ...SMALL, ...lock ? {} : { lock }, ...options };
  }

  /** Opens the store; `options` stay for later openings of it. */
  async open(options: TextOptions = {}): Promise<TextStore> {
    this.#options = { ...this.#options, ...options };
    this.#store = await this.openBeside(NAME, this.#options);
    return this.#store;
  }

  /** Closes the store and opens it again, with further options. */
  async reopen(options: TextOptions = {}): Promise<TextStore> {
    await this.close();
    return await this.open(options);
  }

  /** Opens any store, in the form of the case; the case closes it. */
  async openBeside(name: string, options: TextOptions = {}): Promise<TextStore> {
    const all = this.options(options);
    const path = this.path(name);
    if (this.form === "Sync") return openStoreSync(this.io, path, all);
    return await openStore(this.io, path, all);
  }

  /** Closes the store, where one is open. */
  async close(): Promise<void> {
    const store = this.#store;
    this.#store = undefined;
    if (store !== undefined) await this.verbsOf(store).close();
  }

  /**
   * Leaves the store as the end of a process does: its files are closed under it, and it is never
   * called again.
   */
  async leave(): Promise<void> {
    this.#store = undefined;
    await this.io.closeAll();
  }

  /** Goes on with what `io` holds, which is given for the Io that was tested until now. */
  moveTo(io: Io): void {
    this.#store = undefined;
    this.io = new KeptIo(io, this.place);
  }

  /** The bytes of the data file and of the log, while no store has them open. */
  async files(): Promise<Uint8Array[]> {
    return [await this.bytesOf(NAME), await this.bytesOf(`${NAME}-wal`)];
  }

  /** The bytes of a file, while no store has it open. */
  async bytesOf(name: string): Promise<Uint8Array> {
    const file = await result(this.io.open(this.path(name), { readOnly: true, direct: false }));
    const found = await readAll(file);
    await result(file.close());
    return found;
  }

  /** Whether a name exists in the directory of the case. */
  async exists(name: string): Promise<boolean> {
    try {
      const file = await result(this.io.open(this.path(name), { readOnly: true }));
      await result(file.close());
      return true;
    } catch (error) {
      if (isKvigError(error, "KVIG_NOT_FOUND")) return false;
      throw error;
    }
  }

  /** Verifies the store, closes it, and finds the same in it after opening it again. */
  async finish(): Promise<void> {
    if (this.#store === undefined) await this.open({ readOnly: false });
    await checkSound(this.verbs);
    const entries = await this.verbs.range();
    await this.reopen({ readOnly: false });
    checkSame(await this.verbs.range(), entries, "what is in the store after opening it again");
    await checkSound(this.verbs);
    await this.close();
  }
}

/** A case of the store that uses promises. What it leaves open is verified. */
export function storeCase(
  group: string,
  name: string,
  work: (at: StorePlace) => Promise<void>,
): Case {
  return caseIn("promises", group, name, work);
}

/** A case of the store in `Sync` form: not proven where the Io cannot block. */
export function storeCaseSync(
  group: string,
  name: string,
  work: (at: StorePlace) => Promise<void>,
): Case {
  return caseIn("Sync", group, `${name} (Sync)`, work);
}

/** Two cases of the store: one that uses promises and one in `Sync` form. */
export function inBothForms(
  group: string,
  name: string,
  work: (at: StorePlace) => Promise<void>,
): Case[] {
  return [storeCase(group, name, work), storeCaseSync(group, name, work)];
}

function caseIn(
  form: Form,
  group: string,
  name: string,
  work: (at: StorePlace) => Promise<void>,
): Case {
  return {
    group,
    name,
    async work(place: Place): Promise<void> {
      if (form === "Sync" && !place.io.canBlock) notProven("the Io cannot block");
      const at = new StorePlace(place, form);
      await work(at);
      await at.finish();
    },
  };
}

/**
 * Verifies a store.
 * @throws {ConformanceError} with the first problem where it has one.
 */
export async function checkSound(verbs: Verbs): Promise<void> {
  const { ok, problems } = await verbs.verify();
  const [problem] = problems;
  if (problem !== undefined) {
    const place = `page ${problem.page} of ${problem.file}`;
    throw new ConformanceError(`verify(): ${problems.length} problems: ${place}, ${problem.what}`);
  }
  checkEqual(ok, true, "verify() of a store without problems");
}

/**
 * Checks that two values are the same; lists and bytes are compared by what is in them.
 * @throws {ConformanceError} where they are not; it begins with `what` and says where they differ.
 */
export function checkSame(actual: unknown, expected: unknown, what: string): void {
  if (!isList(actual) || !isList(expected)) return checkEqual(actual, expected, what);
  const shared = Math.min(actual.length, expected.length);
  for (let i = 0; i < shared; i++) {
    if (Object.is(actual[i], expected[i])) continue;
    checkSame(actual[i], expected[i], `${what}, item ${i}`);
  }
  checkEqual(actual.length, expected.length, `${what}, number of items`);
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || value instanceof Uint8Array;
}

/**
 * Checks that `work` returns a promise which rejects with `code`, and returns the error.
 * @throws {ConformanceError} where it does not, or throws at once; it begins with `what`.
 */
export async function checkRejects(
  work: () => Promise<unknown>,
  code: KvigErrorCode,
  what: string,
): Promise<KvigError> {
  const promise = promiseOf(work, what);
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (isKvigError(error, code)) return error;
    throw new ConformanceError(`${what}: expected ${code}, got ${show(error)}`, { cause: error });
  }
  throw new ConformanceError(`${what}: expected ${code}, and it succeeded with ${show(value)}`);
}

/**
 * Calls `work`, which has to return a promise.
 * @throws {ConformanceError} where it throws at once or returns anything else.
 */
export function promiseOf(work: () => unknown, what: string): Promise<unknown> {
  let value: unknown;
  try {
    value = work();
  } catch (cause) {
    const message = `${what}: expected a promise, and it threw ${show(cause)}`;
    throw new ConformanceError(message, { cause });
  }
  if (value instanceof Promise) return value;
  throw new ConformanceError(`${what}: expected a promise, got ${show(value)}`);
}

/** A signal, and the way to abort it. */
export class Aborter implements Signalled {
  /** Whether it was aborted. */
  aborted: boolean;
  /** Why. */
  readonly reason: unknown = new Error("the case aborted it");
  readonly #listeners = new Set<() => void>();

  /** A signal that may be aborted already. */
  constructor(aborted: boolean) {
    this.aborted = aborted;
  }

  /** Number of those who wait for it. */
  get listenerCount(): number {
    return this.#listeners.size;
  }

  /** Calls back when it is aborted. */
  addEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Takes the callback back. */
  removeEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** Aborts it. */
  abort(): void {
    this.aborted = true;
    for (const listener of [...this.#listeners]) listener();
    this.#listeners.clear();
  }
}
