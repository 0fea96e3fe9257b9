/**
 * A program that ends with operations of a ring in flight, in the way that its first argument says.
 *
 * @module
 */

import process from "node:process";

import { uringIo } from "../../adapters/uring/mod.ts";
import { WriteBatch } from "../../core/io.ts";

const [how, path] = process.argv.slice(2);
const io = uringIo();
const file = io.open(path!, { create: true, blocking: true }).take();
const memory = io.allocate(256 * 4096);
const batch = new WriteBatch(memory, 256);
for (let page = 0; page < 256; page++) batch.add(page * 8192, page * 4096, 4096);
file.writeBatch(batch);
file.sync("data");
const target = io.allocate(64 * 4096);
for (let page = 0; page < 64; page++) file.read(page * 8192, target, page * 4096, 4096);
// The end of the tick submits; then the program ends in the middle of it.
await Promise.resolve();
await Promise.resolve();
await Promise.resolve();
if (how === "exits") process.exit(0);
if (how === "throws") throw new Error("on purpose");
