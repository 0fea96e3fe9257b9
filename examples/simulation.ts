/**
 * Own code under the simulator: a bank whose transfers must never make or lose money, and must be
 * there once they were confirmed, wherever the power fails.
 *
 * The second bank writes each account by itself, which is wrong; the simulator finds out.
 *
 * @module
 */

import type { Kvig } from "kvig";
import { type Random, type Scenario, simulate, SimulationError } from "kvig/sim";

const ACCOUNTS = 5;
const START = 100;
const text = new TextDecoder();

async function balance(store: Pick<Kvig, "get">, account: number): Promise<number> {
  const value = await store.get(`account/${account}`);
  return value === undefined ? START : Number(text.decode(value));
}

type Transfer = (store: Kvig, from: number, to: number, amount: number) => Promise<void>;

/** Both accounts change, or none. */
const transfer: Transfer = async (store, from, to, amount) => {
  await store.transaction(async (tx) => {
    await tx.put(`account/${from}`, `${await balance(tx, from) - amount}`);
    await tx.put(`account/${to}`, `${await balance(tx, to) + amount}`);
    await tx.put("transfers", `${await transfers(tx) + 1}`);
  });
};

/** The same, one write after another. */
const carelessTransfer: Transfer = async (store, from, to, amount) => {
  await store.put(`account/${from}`, `${await balance(store, from) - amount}`);
  await store.put(`account/${to}`, `${await balance(store, to) + amount}`);
  await store.put("transfers", `${await transfers(store) + 1}`);
};

async function transfers(store: Pick<Kvig, "get">): Promise<number> {
  const value = await store.get("transfers");
  return value === undefined ? 0 : Number(text.decode(value));
}

/** A bank that makes some transfers, and what must be true of it after any crash. */
function bank(random: Random, move: Transfer): Scenario {
  let confirmed = 0;
  return {
    async work(store) {
      for (let i = 0; i < 20; i++) {
        const from = random.below(ACCOUNTS);
        const to = (from + 1 + random.below(ACCOUNTS - 1)) % ACCOUNTS;
        await move(store, from, to, random.below(50));
        confirmed++;
      }
    },
    async check(store) {
      let sum = 0;
      for (let account = 0; account < ACCOUNTS; account++) sum += await balance(store, account);
      if (sum !== ACCOUNTS * START) throw new Error(`the bank has ${sum}`);
      const found = await transfers(store);
      if (found < confirmed) throw new Error(`${confirmed} were confirmed, ${found} are there`);
    },
  };
}

const { seeds, crashes } = await simulate((random) => bank(random, transfer), { seeds: 50 });
console.log(`${crashes} crashes with ${seeds} seeds: no money was made or lost`);

try {
  await simulate((random) => bank(random, carelessTransfer), { seeds: 50 });
  throw new Error("the careless bank should have been found out");
} catch (error) {
  if (!(error instanceof SimulationError)) throw error;
  console.log(`the careless bank is found out: ${error.message}`);
}
