/**
 * The fixed work of the sweep: each piece small enough that every one of its operations is struck
 * by every fault that can happen to it.
 *
 * @module
 */

import type { Change } from "./ledger.ts";
import type { Workload } from "./run.ts";
import type { Session } from "./session.ts";

/** Sizes at which a transaction of a few hundred bytes is streamed, and one of some KiB spilled. */
const SMALL = {
  logSize: 48 * 512,
  sizes: { logBufferBytes: 8 * 512, growthBytes: 16 * 512, stagingBytes: 8 * 512, slicePages: 16 },
};

const number = (i: number): string => String(i).padStart(3, "0");

/** A value of `length` characters that tells of which writing it is. */
export function value(of: string, length: number): string {
  return `${of}:`.padEnd(length, `${of.length}abcdefghijklmnopqrstuvwxyz`);
}

/** Puts of `count` keys that begin with `prefix`. */
export function puts(prefix: string, count: number, length: number, round = "r"): Change[] {
  const changes: Change[] = [];
  for (let i = 0; i < count; i++) {
    const key = `${prefix}${number(i)}`;
    changes.push({ kind: "put", key, value: value(`${round}${key}`, length) });
  }
  return changes;
}

/** A store with some leaves and a large value, closed. */
async function filled(session: Session): Promise<void> {
  await session.open("create");
  await session.batch(puts("a", 24, 60));
  await session.put("large", value("large", 1700));
  await session.batch(puts("b", 12, 60));
  await session.close();
}

/** The same with a log to replay. */
async function killed(session: Session): Promise<void> {
  await filled(session);
  await session.open("open");
  await session.batch(puts("a", 8, 60, "s"));
  await session.put("large", value("larger", 1500));
  await session.delete("b003");
  await session.transaction(puts("c", 10, 50));
  await session.clear("a010", "a016");
  await session.put("last", "one");
}

/** All workloads. */
export const WORKLOADS: readonly Workload[] = [
  {
    name: "create",
    forms: ["sync", "late"],
    options: SMALL,
    run: async (it) => {
      await it.open("create");
      await it.put("a", "1");
      await it.close();
    },
  },
  {
    name: "give up",
    forms: ["sync", "late"],
    options: SMALL,
    run: async (it) => {
      await it.giveUp("create");
      await it.open("create");
      await it.batch(puts("a", 6, 80));
      await it.giveUp("backup");
      await it.close();
    },
  },
  {
    name: "open",
    forms: ["sync", "promises", "late"],
    options: SMALL,
    prepare: filled,
    run: async (it) => {
      await it.open("open");
      await it.get("a003");
      await it.close();
    },
  },
  {
    name: "recover",
    forms: ["sync", "late"],
    options: SMALL,
    prepare: killed,
    run: async (it) => {
      await it.open("recover");
      await it.scan("");
      await it.close();
    },
  },
  {
    name: "recover and grow",
    forms: ["sync", "late"],
    options: SMALL,
    cut: true,
    prepare: async (it) => {
      await it.open("create");
      await it.put("large", value("large", 1200));
      await it.close();
      await it.open("open");
      for (let i = 0; i < 3; i++) await it.batch(puts(`g${i}`, 14, 150));
    },
    run: async (it) => {
      await it.open("recover");
      await it.close();
    },
  },
  {
    name: "read-only",
    forms: ["sync", "late"],
    options: { ...SMALL, readOnly: true },
    prepare: killed,
    run: async (it) => {
      await it.open("recover");
      await it.get("a001");
      await it.get("large");
      await it.scan("b", true);
      await it.verify();
      await it.close();
    },
  },
  {
    name: "writes",
    forms: ["sync", "promises", "late"],
    options: SMALL,
    prepare: filled,
    run: async (it) => {
      await it.open("open");
      await it.put("a001", value("new", 60));
      await it.put("deferred", "1", true);
      await it.flush();
      await it.delete("a002");
      await it.batch([...puts("c", 5, 40), { kind: "delete", key: "b001" }]);
      await it.clear("a004", "a012");
      await it.put("deferred", "2", true);
      await it.checkpoint(puts("gathered", 1, 20));
      await it.scan("a");
      await it.close(puts("deferred", 1, 20));
    },
  },
  {
    name: "large values",
    forms: ["sync", "late"],
    options: SMALL,
    prepare: filled,
    run: async (it) => {
      await it.open("open");
      await it.put("large", value("second", 1300));
      await it.get("large");
      await it.put("larger", value("larger", 2900));
      await it.delete("large");
      await it.scan("l", true);
      await it.transaction([
        { kind: "put", key: "huge", value: value("huge", 6000) },
        { kind: "put", key: "tiny", value: "t" },
      ], { readBack: true });
      await it.close();
    },
  },
  {
    name: "transactions",
    forms: ["sync", "late"],
    options: SMALL,
    prepare: filled,
    run: async (it) => {
      await it.open("open");
      await it.transaction(puts("a", 3, 50, "small"), { readBack: true });
      await it.transaction(puts("t", 40, 80, "streamed"));
      await it.transaction(puts("a", 30, 80, "undone"), { abort: true });
      await it.transaction([...puts("t", 90, 90, "outgrown"), {
        kind: "clear",
        from: "b",
        to: "c",
      }]);
      await it.get("t013");
      await it.close();
    },
  },
  {
    name: "spills",
    forms: ["sync", "late"],
    options: SMALL,
    prepare: filled,
    run: async (it) => {
      await it.open("open");
      const held = it.snapshot();
      await it.transaction(puts("s", 110, 190, "spilled"));
      await it.scan("a", false, held);
      it.release(held);
      await it.transaction(puts("a", 105, 190, "undone"), { abort: true });
      await it.get("s050");
      await it.close();
    },
  },
  {
    name: "snapshots",
    forms: ["sync", "late"],
    options: SMALL,
    prepare: filled,
    run: async (it) => {
      await it.open("open");
      const first = it.snapshot();
      await it.batch(puts("a", 12, 90, "second"));
      const second = it.snapshot();
      await it.checkpoint();
      await it.clear("b", "c");
      await it.scan("", true, first);
      it.release(first);
      await it.checkpoint();
      await it.batch(puts("b", 12, 90, "third"));
      await it.scan("", false, second);
      it.release(second);
      await it.close();
    },
  },
  {
    name: "growth",
    forms: ["sync", "late"],
    options: { ...SMALL, logSize: 32 * 512 },
    prepare: filled,
    run: async (it) => {
      await it.open("open");
      for (let i = 0; i < 5; i++) await it.batch(puts(`g${i}`, 12, 120));
      await it.put("g", value("g", 3000));
      await it.scan("g");
      await it.close();
    },
  },
  {
    name: "upkeep",
    forms: ["sync", "late"],
    options: SMALL,
    prepare: async (it) => {
      await it.open("create");
      await it.transaction(puts("a", 480, 90));
      await it.checkpoint();
      await it.put("large", value("large", 1700));
      await it.batch(puts("b", 40, 90));
      await it.put("m", value("m", 1100));
      await it.clear("a002", "b030");
      await it.checkpoint();
      await it.checkpoint();
      await it.close();
    },
    run: async (it) => {
      await it.open("open");
      await it.verify();
      await it.transaction(puts("b03", 60, 90, "outgrown"));
      await it.backup();
      await it.compact();
      await it.cursor("b");
      await it.cursor("", true);
      await it.close();
    },
  },
  {
    name: "tasks",
    forms: ["late"],
    options: SMALL,
    prepare: filled,
    run: async (it) => {
      await it.open("open");
      const writer = async (prefix: string): Promise<void> => {
        for (let i = 0; i < 3; i++) await it.put(`${prefix}${i}`, value(`${prefix}${i}`, 70));
        await it.scan(prefix);
        await it.delete(`${prefix}1`);
        await it.put(`${prefix}large`, value(prefix, 900));
        await it.get(`${prefix}large`);
      };
      const reader = async (): Promise<void> => {
        await it.scan("a");
        await it.get("large");
        await it.scan("b", true);
      };
      await Promise.all([
        ...["k", "m", "n"].map(writer),
        reader(),
        it.transaction(puts("t", 20, 60)),
        it.checkpoint(),
      ]);
      await it.close();
    },
  },
];
