/**
 * Steps of a life that write.
 *
 * @module
 */

import type { KvigError } from "../../core/errors.ts";
import type { Transaction } from "../../core/transaction.ts";
import { Violation } from "./calls.ts";
import type { LifeContext } from "./context.ts";
import type { Change } from "./model.ts";
import type { Step } from "./plan.ts";

/** Thrown by transactions that are to be taken back. */
const TAKEN_BACK = new Error("taken back on purpose");

type Of<Kind extends Step["do"]> = Extract<Step, { readonly do: Kind }>;

/** Makes a call that writes; `removed` says whether its result is how many keys it found. */
function write<T>(
  life: LifeContext,
  step: Step,
  changes: readonly Change[],
  make: () => T | Promise<T>,
  check: (value: T, removed: number) => boolean = () => true,
): void {
  const version = life.model.issue(changes);
  const { deferred = false, sync = false } = step;
  life.call(step.do, sync, make, (value) => {
    life.model.settle(version, "applied");
    const { model } = life;
    // What changes nothing is no commit, and makes durable nothing that came before.
    const commits = model.removed(version) > 0 || changes.some(({ kind }) => kind === "put");
    if (commits && !deferred && version > life.acknowledged) life.acknowledged = version;
    // Calls before it may still turn out to have had no effect: only then the result is known.
    if (model.underWay().some((other) => other < version)) return;
    if (!check(value, model.removed(version))) {
      throw new Violation(`${step.do} says ${String(value)}, and ${model.removed(version)} went`);
    }
  }, (error) => settleRefused(life, version, error));
}

function settleRefused(life: LifeContext, version: number, error: KvigError): void {
  const unknown = error.code === "KVIG_FAILED" && error.outcome === "unknown";
  life.model.settle(version, unknown ? "unknown" : "gone");
}

/** Puts one key. */
export function put(life: LifeContext, step: Of<"put">): void {
  const [change] = life.changes([[step.key, step.bytes]]);
  if (change.kind !== "put") return;
  const { key, value } = change;
  const options = durabilityOf(step);
  const { store } = life;
  write(
    life,
    step,
    [change],
    () => step.sync === true ? store.putSync(key, value, options) : store.put(key, value, options),
  );
}

/** Deletes one key. */
export function remove(life: LifeContext, step: Of<"delete">): void {
  const key = life.key(step.key);
  const options = durabilityOf(step);
  const { store } = life;
  write<boolean>(
    life,
    step,
    [{ kind: "delete", key }],
    () => step.sync === true ? store.deleteSync(key, options) : store.delete(key, options),
    (there, removed) => there === (removed > 0),
  );
}

/** Carries out a batch. */
export function batch(life: LifeContext, step: Of<"batch">): void {
  const changes = life.changes(step.changes);
  const operations = changes.map((change) => {
    if (change.kind === "put") {
      return { type: "put" as const, key: change.key, value: change.value };
    }
    return { type: "delete" as const, key: (change as { key: Uint8Array }).key };
  });
  const options = durabilityOf(step);
  const { store } = life;
  write(
    life,
    step,
    changes,
    () =>
      step.sync === true ? store.batchSync(operations, options) : store.batch(operations, options),
  );
}

/** Clears a range. */
export function clear(life: LifeContext, step: Of<"clear">): void {
  const { from, to } = step;
  const change: Change = {
    kind: "clear",
    from: from === undefined ? undefined : life.name(from),
    to: to === undefined ? undefined : life.name(to),
  };
  const range = life.range({
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  });
  const options = durabilityOf(step);
  const { store } = life;
  write<number>(
    life,
    step,
    [change],
    () => step.sync === true ? store.clearSync(range, options) : store.clear(range, options),
    (count, removed) => count === removed,
  );
}

/** Runs a transaction that reads what it writes. */
export function transact(life: LifeContext, step: Of<"transaction">): void {
  const changes = life.changes(step.changes);
  const abort = step.abort === true;
  const options = durabilityOf(step);
  const { store } = life;
  const make = (): void | Promise<void> => {
    if (step.sync === true) {
      return store.transactionSync((tx) => {
        for (const change of changes) changeSync(tx, change);
        checkOwn(changes, (key) => tx.getSync(key));
        if (abort) throw TAKEN_BACK;
      }, options);
    }
    return store.transaction(async (tx) => {
      const many: Promise<unknown>[] = [];
      for (const change of changes) {
        many.push(changeLater(tx, change));
        if (many.length % 7 === 0) await Promise.all(many.splice(0));
      }
      await Promise.all(many);
      if (abort) throw TAKEN_BACK;
    }, options);
  };
  if (!abort) return write(life, step, changes, make);
  const takenBack = (error: unknown): void => {
    if (error !== TAKEN_BACK) throw error;
  };
  life.call("transaction taken back", step.sync === true, () => {
    try {
      const work = make();
      return work instanceof Promise ? work.catch(takenBack) : work;
    } catch (error) {
      return takenBack(error);
    }
  }, () => {});
}

function changeSync(tx: Transaction, change: Change): void {
  if (change.kind === "put") tx.putSync(change.key, change.value);
  else if (change.kind === "delete") tx.deleteSync(change.key);
}

function changeLater(tx: Transaction, change: Change): Promise<unknown> {
  if (change.kind === "put") return tx.put(change.key, change.value);
  if (change.kind === "delete") return tx.delete(change.key);
  return Promise.resolve();
}

/** A transaction reads what it wrote last. */
function checkOwn(
  changes: readonly Change[],
  get: (key: Uint8Array) => Uint8Array | undefined,
): void {
  const last = changes.at(-1);
  if (last === undefined || last.kind === "clear") return;
  const value = get(last.key);
  const wanted = last.kind === "put" ? last.value : undefined;
  if (value?.length !== wanted?.length || (value ?? []).some((byte, i) => byte !== wanted![i])) {
    throw new Violation("a transaction does not read what it wrote");
  }
}

function durabilityOf({ deferred }: Step): { durability?: "deferred" } {
  return deferred === true ? { durability: "deferred" } : {};
}
