/**
 * A process that writes until it is killed. After each write whose promise settled it prints the
 * number of the write: from then on the write must survive whatever happens.
 *
 * Usage: `writing_child PATH`
 *
 * @module
 */

import fs from "node:fs";
import process from "node:process";

import { open } from "../../adapters/node/mod.ts";

const TASKS = 8;

const path = process.argv[2];
if (path === undefined) throw new Error("usage: writing_child PATH");
const store = await open(path);
let next = 0;

async function writeForEver(): Promise<never> {
  for (;;) {
    const number = next++;
    await store.put(`visit/${String(number).padStart(9, "0")}`, `written as number ${number}`);
    fs.writeSync(1, `${number}\n`);
  }
}

await Promise.all(Array.from({ length: TASKS }, writeForEver));
