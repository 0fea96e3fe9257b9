/**
 * An Io that breaks the form of the contract: what is wrong with it is said by name.
 *
 * @module
 */

import { test } from "node:test";

import { memoryIo } from "../../adapters/memory/mod.ts";
import { checkedIo } from "../../core/checked_io.ts";
import { Future, type Io, type IoFile } from "../../core/io.ts";
import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { assertFails } from "../support/io_helpers.ts";
import { open, openSync } from "../support/runtime.ts";
import { assertCode } from "../support/store.ts";

/** An Io in memory with other operations; `file` changes the files that it opens. */
function serving(changed: Partial<Io>, file: Partial<IoFile> = {}): Io {
  const own = memoryIo();
  const io: Io = {
    description: "changed",
    canBlock: true,
    open(path, options) {
      const opened = own.open(path, options);
      if (Object.keys(file).length === 0) return opened;
      let given: IoFile;
      try {
        given = opened.take(opened.generation);
      } catch (error) {
        return Future.failed("KVIG_NOT_FOUND", "there is no such file", error);
      }
      const get = (target: IoFile, name: string | symbol): unknown => {
        if (Object.hasOwn(file, name)) return Reflect.get(file, name);
        const found: unknown = Reflect.get(target, name, target);
        return typeof found === "function" ? found.bind(target) : found;
      };
      return Future.of(new Proxy(given, { get }));
    },
    remove: (path, options) => own.remove(path, options),
    syncDirectory: (path, options) => own.syncDirectory(path, options),
    allocate: (bytes) => own.allocate(bytes),
    now: () => own.now(),
    random: (bytes) => own.random(bytes),
  };
  return Object.assign(io, changed);
}

/** For values of a wrong type, which a program without types may well hand over. */
function wrong<T>(value: unknown): T {
  return value as T;
}

test("an Io without an operation is a TypeError that names it, and all of them", () => {
  for (const name of ["open", "remove", "syncDirectory", "allocate", "now", "random"] as const) {
    const io = serving(wrong({ [name]: undefined }));
    const error = assertThrows(() => openSync("store", { io }), TypeError, `no ${name}()`);
    assert(error.message.includes("random()"), error.message);
  }
  assertThrows(() => openSync("store", { io: wrong(5) }), TypeError, "no open()");
});

test("an operation that returns no future is named", async () => {
  const io = serving({ open: () => wrong(Promise.resolve()) });
  const error = await assertCode(() => open("store", { io }), "KVIG_IO");
  assert(error.message.includes("open() of the Io returned an object of the class Promise"));
  assert(error.message.includes("every operation returns a future"));
  for (
    const name of ["read", "write", "writeBatch", "sync", "truncate", "lock", "close"] as const
  ) {
    const file = checkedIo(serving({}, { [name]: () => wrong(7) })).open("x", { create: true })
      .take();
    const call = wrong<Record<string, (...words: unknown[]) => Future<unknown>>>(file)[name]!;
    await assertFails(
      call.call(file, 0, new Uint8Array(1), 0, 1),
      "KVIG_IO",
      `${name}() of the Io`,
    );
  }
});

test("an operation that throws is named, with what it threw as the cause", async () => {
  const boom = new Error("boom");
  const io = serving({
    open() {
      throw boom;
    },
  });
  const error = await assertCode(() => open("store", { io }), "KVIG_IO");
  assertEquals(error.cause, boom);
  assert(error.message.includes("open() of the Io threw Error: boom"), error.message);
});

test("arguments that make no sense are the caller's bug and pass through", () => {
  const file = checkedIo(memoryIo()).open("x", { create: true }).take();
  assertThrows(() => file.read(-1, new Uint8Array(1), 0, 1), RangeError);
});

test("a file without an operation is named when it is opened", async () => {
  const io = serving({}, wrong({ truncate: undefined }));
  const error = await assertCode(() => open("store", { io }), "KVIG_IO");
  assert(error.message.includes("gave a file without truncate()"), error.message);
});

test("what is right passes through as it is", () => {
  const io = memoryIo();
  const checked = checkedIo(io);
  assertEquals(checkedIo(checked), checked);
  assertEquals([checked.description, checked.canBlock], [io.description, io.canBlock]);
  const file = checked.open("x", { create: true }).take();
  assertEquals([file.path, file.size, file.direct], ["x", 0, false]);
  assertEquals(file.write(0, new Uint8Array(5), 0, 5).take(), 5);
  assertEquals(file.size, 5);
});
