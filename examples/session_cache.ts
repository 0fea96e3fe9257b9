/**
 * A cache of sessions that expire. Two kinds of keys live side by side in one store:
 *
 *     session/ID           the session itself, found by its id
 *     expiry/TIME/ID       nothing, but it stands in the order of time
 *
 * Whatever has expired is then one range at the front of `expiry/`, however many sessions there
 * are. Both keys change in one transaction, so neither is ever without the other.
 *
 * @module
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { type Codec, json, type Kvig, open, utf8 } from "kvig";

interface Session {
  user: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

/** Sessions as JSON; null for the keys of the index, which have nothing to say. */
const value = json as Codec<Session | null>;

type Store = Kvig<string, Session | null, string, Session | null>;

/** Text is ordered as text, so numbers get the same number of digits. */
function expiryKey(time: number, id = ""): string {
  return `expiry/${String(time).padStart(16, "0")}/${id}`;
}

class SessionCache {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Puts a session in, or gives one that is there a new life of so many milliseconds. */
  async renew(id: string, user: string, lifeMs: number): Promise<void> {
    const expiresAt = Date.now() + lifeMs;
    await this.#store.transaction(async (tx) => {
      const old = await tx.get(`session/${id}`);
      if (old) await tx.delete(expiryKey(old.expiresAt, id));
      await tx.put(`session/${id}`, { user, expiresAt });
      await tx.put(expiryKey(expiresAt, id), null);
    }, { durability: "deferred" }); // A cache may lose its last moments, and is faster for it.
  }

  /** The session, unless it has expired. */
  async find(id: string): Promise<Session | undefined> {
    const session = await this.#store.get(`session/${id}`);
    return session && session.expiresAt > Date.now() ? session : undefined;
  }

  /** Removes what has expired; returns how many sessions that were. */
  async sweep(): Promise<number> {
    const expired = { gte: "expiry/", lt: expiryKey(Date.now() + 1) };
    return await this.#store.transaction(async (tx) => {
      for await (const key of tx.keys(expired)) {
        await tx.delete(`session/${key.split("/")[2]}`);
      }
      return await tx.clear(expired);
    });
  }
}

const directory = await mkdtemp(join(tmpdir(), "kvig-sessions-"));
try {
  await using store = await open(join(directory, "sessions"), { key: utf8, value });
  const cache = new SessionCache(store);

  for (let i = 0; i < 1000; i++) await cache.renew(`short-${i}`, `user ${i}`, 200);
  for (let i = 0; i < 10; i++) await cache.renew(`long-${i}`, `guest ${i}`, 60_000);
  console.log(`Put in 1010 sessions; the store has ${await store.count()} entries.`);

  await cache.renew("short-7", "user 7", 60_000);
  console.log("User 7 came back, so that session got a longer life.");

  await sleep(300);
  console.log(`300 ms later the session of user 8 is ${await cache.find("short-8") ?? "gone"},`);
  console.log(`but user 7 is still here as ${(await cache.find("short-7"))?.user}.`);

  const swept = await cache.sweep();
  const left = await store.count({ prefix: "session/" });
  console.log(`Swept out ${swept} sessions; ${left} are left.`);
  if (swept !== 999 || left !== 11) throw new Error("the sweep took the wrong ones");
} finally {
  await rm(directory, { recursive: true });
}
