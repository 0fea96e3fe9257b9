/**
 * Reading a store that fits the cache, filled in random order, reopened, and read through once
 * before anything is measured.
 *
 * @module
 */

import { Buffer } from "node:buffer";

import { assertSame, type Dataset, glance } from "../dataset.ts";
import type { Engine } from "../engine.ts";
import type { Part } from "../part.ts";
import { type Session, WARM_UP_OPERATIONS } from "../session.ts";
import { fill } from "./filling.ts";

const GETS = 300_000;
const RANGES = 5_000;
const RANGE_ENTRIES = 50;
const STORE = "reads";

/** Cached reads. */
export const READS: Part = {
  id: "reads",
  what: "reading, cached",
  works: [
    { id: "get", what: "get to fresh bytes", unit: "operation" },
    { id: "get-into", what: "get into the caller's buffer", unit: "operation" },
    { id: "get-text", what: "string get", unit: "operation" },
    { id: "get-many-16", what: "getMany of 16, a key", unit: "operation" },
    { id: "get-many-100", what: "getMany of 100, a key", unit: "operation" },
    { id: "miss", what: "get of an absent key", unit: "operation" },
    { id: "scan", what: "scan forward, an entry", unit: "operation" },
    { id: "scan-reverse", what: "scan backward, an entry", unit: "operation" },
    { id: "range-50", what: "range of 50, an entry", unit: "operation" },
  ],
  async run(session) {
    const filling = await session.open(STORE);
    await fill(filling, session.data, session.data.insertions);
    await filling.close();
    const engine = await session.open(STORE);
    await checkAll(engine, session.data);
    measureGets(session, engine);
    measureMany(session, engine, "get-many-16", 16);
    measureMany(session, engine, "get-many-100", 100);
    measureMisses(session, engine);
    await measureScan(session, engine, "scan", false);
    await measureScan(session, engine, "scan-reverse", true);
    await measureRanges(session, engine);
    await engine.close();
    await measureText(session);
  },
};

/** Reads every entry and compares all of it; what is cached is cached afterwards. */
async function checkAll(engine: Engine, data: Dataset): Promise<void> {
  if (engine.get !== undefined) {
    for (let number = 0; number < data.entries; number++) {
      assertSame(engine.get(data.key(number)), data.value(number));
    }
  }
  if (data.shape.id !== "decimal") return;
  let number = 0;
  await engine.scan?.({ reverse: false }, (key, value) => {
    assertSame(key, data.key(number));
    assertSame(value, data.value(number));
    number++;
  });
  if (engine.scan !== undefined && number !== data.entries) {
    throw new Error("a scan ended early");
  }
}

/** The numbers that random reads go through, again and again if there are few. */
function readings(data: Dataset, count: number): Uint32Array {
  return Uint32Array.from(
    { length: count },
    (_, i) => data.readings[i % data.entries],
  );
}

function expected(data: Dataset, numbers: Uint32Array): number {
  return numbers.reduce((sum, number) => sum + glance(data.value(number)), 0);
}

function measureGets(session: Session, engine: Engine): void {
  const { data } = session;
  const target = Buffer.alloc(data.valueBytes);
  const ways = {
    "get": engine.get?.bind(engine),
    "get-into": engine.getInto === undefined
      ? undefined
      : (key: Uint8Array) => engine.getInto?.(key, target),
  };
  for (const [work, get] of Object.entries(ways)) {
    if (get === undefined || !session.wants(work)) continue;
    const warming = readings(data, WARM_UP_OPERATIONS * 2);
    for (const number of warming) {
      // A store's own buffer may be larger than what its `length` says.
      const found = get(data.key(number));
      assertSame(found?.subarray(0, found.length), data.value(number));
    }
    const numbers = readings(data, GETS);
    timeGets(data, warming, get);
    const begun = performance.now();
    const sum = timeGets(data, numbers, get);
    session.noteTime(work, performance.now() - begun, numbers.length);
    if (sum !== expected(data, numbers)) {
      throw new Error(`${work}: other values were read`);
    }
  }
}

function timeGets(
  data: Dataset,
  numbers: Uint32Array,
  get: (key: Uint8Array) => Uint8Array | undefined,
): number {
  let sum = 0;
  for (let i = 0; i < numbers.length; i++) {
    sum += glance(get(data.key(numbers[i]))!);
  }
  return sum;
}

function measureMany(
  session: Session,
  engine: Engine,
  work: string,
  keys: number,
): void {
  if (engine.getMany === undefined || !session.wants(work)) return;
  const { data } = session;
  const asked = Array.from({ length: keys }, () => data.shape.make());
  const numbers = readings(data, Math.floor(GETS / keys) * keys);
  const pass = (until: number): number => {
    let sum = 0;
    for (let at = 0; at < until; at += keys) {
      for (let i = 0; i < keys; i++) {
        data.shape.write(asked[i], numbers[at + i]);
      }
      const found = engine.getMany!(asked);
      for (let i = 0; i < keys; i++) sum += glance(found[i]!);
    }
    return sum;
  };
  for (let at = 0; at < keys * 100; at += keys) {
    for (let i = 0; i < keys; i++) data.shape.write(asked[i], numbers[at + i]);
    engine.getMany(asked).forEach((value, i) => assertSame(value, data.value(numbers[at + i])));
  }
  pass(Math.ceil(WARM_UP_OPERATIONS / keys) * keys);
  const begun = performance.now();
  const sum = pass(numbers.length);
  session.noteTime(work, performance.now() - begun, numbers.length);
  if (sum !== expected(data, numbers)) {
    throw new Error(`${work}: other values were read`);
  }
}

function measureMisses(session: Session, engine: Engine): void {
  if (engine.get === undefined || !session.wants("miss")) return;
  const { data } = session;
  // Between the keys that are there: as long, but with a last byte that none of them has.
  const keys = Array.from(
    { length: WARM_UP_OPERATIONS },
    (_, i) => {
      const key = data.ownKey(data.readings[i % data.entries]);
      key[key.length - 1] ^= 0x80;
      return key;
    },
  );
  const pass = (): number => {
    let found = 0;
    for (const key of keys) if (engine.get!(key) !== undefined) found++;
    return found;
  };
  pass();
  const begun = performance.now();
  let found = 0;
  for (let i = 0; i < 5; i++) found += pass();
  session.noteTime("miss", performance.now() - begun, keys.length * 5);
  if (data.shape.id !== "random" && found > 0) {
    throw new Error("an absent key was found");
  }
}

async function measureScan(
  session: Session,
  engine: Engine,
  work: string,
  reverse: boolean,
): Promise<void> {
  if (engine.scan === undefined || !session.wants(work)) return;
  const { entries, valueBytes } = session.data;
  let seen = 0;
  let bytes = 0;
  const see = (key: Uint8Array, value: Uint8Array): void => {
    seen++;
    bytes += value.length + key.length - key.length;
  };
  // Two scans at least, until enough entries went by to warm the code up.
  do await engine.scan({ reverse }, see); while (seen < WARM_UP_OPERATIONS);
  seen = bytes = 0;
  const begun = performance.now();
  await engine.scan({ reverse }, see);
  session.noteTime(work, performance.now() - begun, seen);
  if (seen !== entries || bytes !== entries * valueBytes) {
    throw new Error(`${work}: incomplete`);
  }
}

async function measureRanges(session: Session, engine: Engine): Promise<void> {
  if (engine.scan === undefined || !session.wants("range-50")) return;
  const { data } = session;
  let seen = 0;
  let sum = 0;
  const see = (key: Uint8Array, value: Uint8Array): void => {
    seen++;
    sum += glance(value) + key[key.length - 1];
  };
  const pass = async (from: number, until: number): Promise<void> => {
    for (let i = from; i < until; i++) {
      const key = data.key(data.readings[i % data.entries]);
      await engine.scan!(
        { reverse: false, from: key, limit: RANGE_ENTRIES },
        see,
      );
    }
  };
  await pass(0, WARM_UP_OPERATIONS / RANGE_ENTRIES * 2);
  seen = sum = 0;
  const begun = performance.now();
  await pass(RANGES, RANGES * 2);
  session.noteTime("range-50", performance.now() - begun, seen);
  if (seen < RANGES * RANGE_ENTRIES * 0.9 || sum === 0) {
    throw new Error("range-50: incomplete");
  }
}

async function measureText(session: Session): Promise<void> {
  const { data } = session;
  if (!session.wants("get-text") || !data.shape.text) return;
  const engine = await session.open(STORE, { text: true });
  if (engine.getText !== undefined) {
    const count = Math.min(data.entries, GETS);
    const keys = Array.from(
      { length: count },
      (_, i) => decode(data.key(data.readings[i])),
    );
    keys.forEach((key, i) => {
      if (engine.getText!(key) !== decode(data.value(data.readings[i]))) {
        throw new Error("get-text: another value was read");
      }
    });
    const pass = (until: number): number => {
      let length = 0;
      for (let i = 0; i < until; i++) {
        const text = engine.getText!(keys[i % count])!;
        length += text.length + (text.charCodeAt(0) & 1);
      }
      return length;
    };
    pass(WARM_UP_OPERATIONS);
    const begun = performance.now();
    const length = pass(GETS);
    session.noteTime("get-text", performance.now() - begun, GETS);
    if (length < GETS * data.valueBytes) {
      throw new Error("get-text: values were cut short");
    }
  }
  await engine.close();
}

function decode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(
    "latin1",
  );
}
