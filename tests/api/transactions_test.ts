/**
 * Transactions as their users see them: all or nothing, reading their own writes, one after the
 * other.
 *
 * @module
 */

import type { Transaction } from "../../mod.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../support/assert.ts";
import { textTest, textTestSync } from "../support/api_store.ts";
import { assertCode, assertCodeSync } from "../support/store.ts";

type TextTransaction = Transaction<string, string, string, string>;

class Mine extends Error {}

/** Lets everything run that is ready to. */
const settle = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 1));

textTest(
  "transaction() commits everything and returns what its function gave",
  async (store) => {
    await store.put("old", "1");
    const result = await store.transaction(async (tx) => {
      await tx.put("a", "1");
      tx.putSync("b", "2");
      assertEquals(await tx.delete("old"), true);
      assertEquals(tx.deleteSync("never"), false);
      await tx.batch([{ type: "put", key: "c", value: "3" }, { type: "delete", key: "b" }]);
      return 42;
    });
    assertEquals(result, 42);
    assertEquals(await store.range().toArray(), [["a", "1"], ["c", "3"]]);
  },
);

textTest("transaction() takes a function that is not asynchronous", async (store) => {
  assertEquals(await store.transaction((tx) => tx.putSync("a", "1")), undefined);
  assertEquals(await store.get("a"), "1");
});

textTest("a throw and a rejection roll everything back and reach the caller", async (store) => {
  await store.put("a", "before");
  const works: ((tx: TextTransaction) => Promise<void>)[] = [
    (tx) => {
      tx.putSync("a", "after");
      throw new Mine("thrown");
    },
    async (tx) => {
      await tx.put("a", "after");
      await tx.put("large", "x".repeat(50_000));
      await tx.clear();
      throw new Mine("rejected");
    },
  ];
  for (const work of works) {
    await assertRejects(() => store.transaction(work), Mine);
    assertEquals(await store.range().toArray(), [["a", "before"]]);
  }
  await store.put("b", "the store goes on");
  assertEquals(await store.count(), 2);
});

textTest("a transaction reads its own writes, ranges and iterators included", async (store) => {
  await store.batch(["a", "b", "c"].map((key) => ({ type: "put", key, value: "old" })));
  await store.transaction(async (tx) => {
    await tx.put("b", "new");
    await tx.delete("c");
    await tx.put("d", "new");
    const wanted = [["a", "old"], ["b", "new"], ["d", "new"]];
    assertEquals(await tx.get("b"), "new");
    assertEquals(tx.getSync("c"), undefined);
    assertEquals(await tx.has("d"), true);
    assertEquals(await tx.getMany(["a", "c", "d"]), ["old", undefined, "new"]);
    assertEquals(await tx.range().toArray(), wanted as [string, string][]);
    assertEquals([...tx.keys({ reverse: true })], ["d", "b", "a"]);
    assertEquals(await tx.count(), 3);
    assertEquals(await tx.count({ gte: "b" }), 2);
    assertEquals(await tx.last(), ["d", "new"]);
    const cursor = tx.cursor({ gt: "a" });
    const target = new Uint8Array(1);
    assertEquals(cursor.next(), true);
    assertEquals([cursor.keyInto(target), target[0]], [1, 0x62]);
    cursor.close();
  });
});

textTest("an iteration in a transaction shows the state of its first step", async (store) => {
  await store.batch(["a", "b", "c"].map((key) => ({ type: "put", key, value: "old" })));
  await store.transaction(async (tx) => {
    const seen: string[] = [];
    for await (const [key, value] of tx.range()) {
      seen.push(`${key}=${value}`);
      await tx.put(key, "new");
      await tx.put(`z${key}`, "new");
    }
    assertEquals(seen, ["a=old", "b=old", "c=old"]);
    assertEquals(await tx.count(), 6);
  });
  assertEquals(await store.get("c"), "new");
});

textTest("nobody outside sees a transaction before its commit", async (store) => {
  await store.put("a", "1");
  await store.transaction(async (tx) => {
    await tx.put("a", "2");
    await tx.put("b", "2");
    assertEquals(await store.get("a"), "1");
    assertEquals(store.hasSync("b"), false);
    assertEquals(await store.count(), 1);
    const snapshot = store.snapshot();
    assertEquals(await snapshot.range().toArray(), [["a", "1"]]);
    snapshot.close();
  });
  assertEquals(await store.values().toArray(), ["2", "2"]);
});

textTest("a transaction is over when its function has returned", async (store) => {
  let kept: TextTransaction | undefined;
  await store.transaction((tx) => {
    kept = tx;
  });
  const tx = kept!;
  for (
    const call of [
      () => tx.get("a"),
      () => tx.has("a"),
      () => tx.put("a", "1"),
      () => tx.delete("a"),
      () => tx.batch([]),
      () => tx.clear(),
      () => tx.count(),
      async () => await tx.range().toArray(),
    ]
  ) await assertCode(call, "KVIG_CLOSED");
  for (
    const call of [
      () => tx.getSync("a"),
      () => tx.hasSync("a"),
      () => tx.putSync("a", "1"),
      () => tx.deleteSync("a"),
      () => tx.batchSync([]),
      () => tx.clearSync(),
      () => tx.countSync(),
      () => tx.cursor(),
      () => [...tx.keys()],
    ]
  ) assertCodeSync(call, "KVIG_CLOSED");
});

textTest("writes of a transaction that nobody awaits are waited for", async (store) => {
  await store.transaction((tx) => {
    for (let i = 0; i < 50; i++) void tx.put(`key${i}`, "v".repeat(i * 200));
  });
  assertEquals(await store.count(), 50);
  assertEquals((await store.get("key49"))?.length, 9800);
});

textTestSync("transactionSync() commits, rolls back and refuses promises", (store) => {
  assertEquals(
    store.transactionSync((tx) => {
      tx.putSync("a", "1");
      return tx.countSync();
    }),
    1,
  );
  assertThrows(
    () =>
      store.transactionSync((tx) => {
        tx.putSync("a", "2");
        throw new Mine("thrown");
      }),
    Mine,
  );
  assertEquals(store.getSync("a"), "1");
  assertThrows(
    () =>
      store.transactionSync((tx) => {
        tx.putSync("a", "3");
        return Promise.resolve();
      }),
    TypeError,
    "promise",
  );
  assertEquals(store.getSync("a"), "1");
  store.putSync("a", "4");
  assertEquals(store.getSync("a"), "4");
});

textTest("writers queue and get their turn in the order in which they came", async (store) => {
  const order: string[] = [];
  const work = (name: string) => async (tx: TextTransaction): Promise<void> => {
    order.push(`${name} begins`);
    const before = await tx.get("n") ?? "";
    await settle();
    await tx.put("n", before + name);
    order.push(`${name} ends`);
  };
  await Promise.all([
    store.transaction(work("a")),
    store.transaction(work("b")),
    store.put("m", "single").then(() => order.push("put")),
    store.transaction(work("c")),
  ]);
  assertEquals(await store.get("n"), "abc");
  assertEquals(order.filter((what) => what !== "put"), [
    "a begins",
    "a ends",
    "b begins",
    "b ends",
    "c begins",
    "c ends",
  ]);
});

textTest("a signal ends the waiting for a turn and nothing after that", async (store) => {
  const waiting = new AbortController();
  const late = new AbortController();
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const first = store.transaction(async (tx) => {
    await tx.put("a", "1");
    await gate;
    late.abort();
  }, { signal: late.signal });
  let ran = false;
  const { signal } = waiting;
  const refused = [
    assertCode(() => store.put("b", "1", { signal }), "KVIG_ABORTED"),
    assertCode(() => store.delete("a", { signal }), "KVIG_ABORTED"),
    assertCode(() => store.batch([{ type: "delete", key: "a" }], { signal }), "KVIG_ABORTED"),
    assertCode(() => store.clear({}, { signal }), "KVIG_ABORTED"),
    assertCode(() =>
      store.transaction(() => {
        ran = true;
      }, { signal }), "KVIG_ABORTED"),
  ];
  await settle();
  waiting.abort();
  await Promise.all(refused);
  release();
  await first;
  assert(!ran, "the function of an aborted transaction does not run");
  assertEquals(await store.range().toArray(), [["a", "1"]]);
});

textTest("an error of an argument leaves the transaction as it was", async (store) => {
  await store.transaction(async (tx) => {
    await tx.put("a", "1");
    await assertRejects(() => tx.put("b", 5 as unknown as string), TypeError, "value");
    await assertCode(() => tx.put("k".repeat(1025), ""), "KVIG_KEY_TOO_LARGE");
    assertCodeSync(() => tx.putSync("k".repeat(1025), ""), "KVIG_KEY_TOO_LARGE");
  });
  assertEquals(await store.keys().toArray(), ["a"]);
  await assertRejects(() => store.transaction(undefined as never), TypeError, "function");
});

textTest("a transaction larger than the log and the cache is whole or absent", async (store) => {
  const value = "v".repeat(3000);
  const fill = async (tx: TextTransaction): Promise<void> => {
    for (let i = 0; i < 900; i++) await tx.put(`key${i}`, value);
  };
  await assertRejects(() =>
    store.transaction(async (tx) => {
      await fill(tx);
      throw new Mine("thrown");
    }), Mine);
  assertEquals(await store.count(), 0);
  await store.transaction(fill);
  assertEquals(await store.count(), 900);
});
