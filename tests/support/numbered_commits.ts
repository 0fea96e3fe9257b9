/**
 * Commits whose content follows from their number alone, so that whoever opens a store after a
 * crash can tell what it must hold after any number of them.
 *
 * Several tasks have commits of their own, numbered from 0 on, with keys of their own; together
 * they take every writing verb, small and large values, and now and then a transaction that is too
 * large for its share of a log of 1 MiB. Only the counter of transactions is shared.
 *
 * @module
 */

import type { Kvig } from "../../mod.ts";

/** Tasks. The last one commits deferred and flushes now and then. */
export const TASKS = 4;

/** The task whose commits are deferred. */
export const DEFERRED_TASK = TASKS - 1;

/** How often the deferred task flushes, in commits. */
export const FLUSH_EVERY = 7;

/** The key that counts the transactions of all tasks. */
export const COUNTER = "counter";

/** One change of a commit; without a value it removes the key. */
export interface Change {
  key: string;
  value: string | undefined;
}

/** What a commit is made with. */
export type Verb = "put" | "delete" | "batch" | "transaction" | "clear";

const SLOTS = 60;
const PARTS = ["", "a", "b"] as const;
/** Every slot written with this much is more than a transaction's share of the log. */
const HUGE_VALUE_BYTES = 2000;

/** The key of a task in a slot. */
function slotKey(task: number, slot: number, part = ""): string {
  return `task${task}/${String(slot).padStart(3, "0")}${part}`;
}

/** The value that commit `n` writes at `key`: of `length` bytes at least. */
function valueOf(n: number, key: string, length: number): string {
  return `${n}:${key}:`.padEnd(length, String(n % 10));
}

function spread(task: number, n: number): number {
  return Math.imul(n * TASKS + task + 1, 0x9E3779B1) >>> 8;
}

/** Which verb commit `n` of a task takes. */
export function verbOf(task: number, n: number): Verb {
  const draw = spread(task, n) % 16;
  if (draw < 6) return "put";
  if (draw < 8) return "delete";
  if (draw < 11) return "batch";
  return draw < 15 ? "transaction" : "clear";
}

/** What commit `n` of a task changes, apart from the counter of the transactions. */
export function changesOf(task: number, n: number): Change[] {
  const verb = verbOf(task, n);
  const mixed = spread(task, n) >>> 4;
  const slot = mixed % SLOTS;
  const put = (key: string, length: number): Change => ({ key, value: valueOf(n, key, length) });
  const length = mixed % 11 === 0 ? 1500 + mixed % 90_000 : mixed % 300;
  if (verb === "put") return [put(slotKey(task, slot), length)];
  if (verb === "delete") return [{ key: slotKey(task, slot), value: undefined }];
  if (verb === "clear") {
    return [0, 1, 2].flatMap((i) => {
      return PARTS.map((part) => ({
        key: slotKey(task, slot + i, part),
        value: undefined,
      }));
    });
  }
  if (verb === "transaction" && mixed % 32 === 5) return hugeChanges(task, n);
  const count = verb === "batch" ? 6 : 3 + mixed % 24;
  const changes: Change[] = [];
  for (let i = 0; i < count; i++) {
    const key = slotKey(task, (slot + i * 7) % SLOTS, PARTS[i % 3]);
    if (i % 5 === 4) changes.push({ key, value: undefined });
    else changes.push(put(key, i === 2 ? length : 40 + i));
  }
  return changes;
}

/** A transaction that stops logging, spills its pages and commits by a checkpoint. */
function hugeChanges(task: number, n: number): Change[] {
  return PARTS.flatMap((part) =>
    Array.from({ length: SLOTS }, (_, slot) => {
      const key = slotKey(task, slot, part);
      return { key, value: valueOf(n, key, HUGE_VALUE_BYTES) };
    })
  );
}

function countOf(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : Number(new TextDecoder().decode(bytes));
}

function operationsOf(changes: Change[]): Parameters<Kvig["batch"]>[0] {
  return changes.map(({ key, value }) => {
    return value === undefined ? { type: "delete", key } : { type: "put", key, value };
  });
}

/** The range that a commit of the verb "clear" removes. */
function clearedRange(changes: Change[]): { gte: string; lte: string } {
  return { gte: changes[0]!.key, lte: changes.at(-1)!.key };
}

const ofTask = (task: number): { durability: "deferred" | "sync" } => ({
  durability: task === DEFERRED_TASK ? "deferred" : "sync",
});

/** Makes commit `n` of a task; settles as a write does, with whether there was one to make. */
export async function commit(store: Kvig, task: number, n: number): Promise<boolean> {
  const changes = changesOf(task, n);
  const { key, value } = changes[0]!;
  const verb = verbOf(task, n);
  const options = ofTask(task);
  if (verb === "delete") return await store.delete(key, options);
  if (verb === "clear") return await store.clear(clearedRange(changes), options) > 0;
  if (verb === "put") await store.put(key, value!, options);
  else if (verb === "batch") await store.batch(operationsOf(changes), options);
  else {
    await store.transaction(async (tx) => {
      await tx.put(COUNTER, String(countOf(await tx.get(COUNTER)) + 1));
      for (const change of changes) {
        if (change.value === undefined) await tx.delete(change.key);
        else await tx.put(change.key, change.value);
      }
    }, options);
  }
  return true;
}

/** Like {@link commit}, at once. */
export function commitSync(store: Kvig, task: number, n: number): boolean {
  const changes = changesOf(task, n);
  const { key, value } = changes[0]!;
  const verb = verbOf(task, n);
  const options = ofTask(task);
  if (verb === "delete") return store.deleteSync(key, options);
  if (verb === "clear") return store.clearSync(clearedRange(changes), options) > 0;
  if (verb === "put") store.putSync(key, value!, options);
  else if (verb === "batch") store.batchSync(operationsOf(changes), options);
  else {
    store.transactionSync((tx) => {
      tx.putSync(COUNTER, String(countOf(tx.getSync(COUNTER)) + 1));
      for (const change of changes) {
        if (change.value === undefined) tx.deleteSync(change.key);
        else tx.putSync(change.key, change.value);
      }
    }, options);
  }
  return true;
}
