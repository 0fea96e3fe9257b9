/**
 * What an operation of the ring allocates, in bytes: as a part of a batch written at once, and
 * of the bare ring. V8 wants `--expose-gc --max-semi-space-size=256 --min-semi-space-size=256`; on
 * Bun count the lines that `BUN_JSC_logGC=1` prints instead.
 *
 * Usage: `alloc.ts DIRECTORY [OPERATIONS]`
 *
 * @module
 */

import fs from "node:fs";
import process from "node:process";

import { bunFfi } from "../../adapters/uring/bun_ffi.ts";
import { denoFfi } from "../../adapters/uring/deno_ffi.ts";
import { fixedAddress } from "../../adapters/uring/fixed_memory.ts";
import { uringIo } from "../../adapters/uring/mod.ts";
import { nodeFfi } from "../../adapters/uring/node_ffi.ts";
import { OPERATION, type Operation } from "../../adapters/uring/ring.ts";
import { RingHost } from "../../adapters/uring/ring_host.ts";
import { type Future, type IoFile, WriteBatch } from "../../core/io.ts";

const [directory, count = "200000"] = process.argv.slice(2);
const operations = Number(count);
const PAGE = 4096;
const BATCH = 128;

async function result<T>(future: Future<T>): Promise<T> {
  if (!future.settled) await future.promise();
  return future.take();
}

/** Bytes by which the heap has grown for each operation; garbage is collected before only. */
function measure(turns: number, work: () => void): number {
  const { gc } = globalThis as { gc?: () => void };
  work();
  gc?.();
  const before = process.memoryUsage().heapUsed;
  for (let turn = 0; turn < turns; turn += BATCH) work();
  return (process.memoryUsage().heapUsed - before) / turns;
}

const io = uringIo({ direct: false });
const file: IoFile = await result(io.open(`${directory}/alloc`, { create: true }));
const memory = io.allocate(BATCH * PAGE);
const batch = new WriteBatch(memory, BATCH);
for (let page = 0; page < BATCH; page++) batch.add(page * 2 * PAGE, page * PAGE, PAGE);
const blocking = { blocking: true };
const write = (): void => {
  const future = file.writeBatch(batch, blocking);
  future.take(future.generation);
};
for (let i = 0; i < 200; i++) write();
const bytes = measure(operations, write);
await result(file.close());

const ffi = "Deno" in globalThis
  ? denoFfi()
  : process.versions["bun"] === undefined
  ? nodeFfi()
  : bunFfi();
const host = new RingHost(ffi, 0);
const ring = host.open(BATCH);
const fd = fs.openSync(`${directory}/alloc`, "r+");
const address = fixedAddress(ffi, memory);
let completed = 0;
const operation: Operation = {
  complete(bytes) {
    if (bytes !== PAGE) throw new Error(`a write ended with ${bytes}`);
    completed++;
  },
};
const submit = (): void => {
  for (let page = 0; page < BATCH; page++) {
    const at = page * 2 * PAGE;
    const from = address + page * PAGE;
    ring.fill(OPERATION.write, 0, fd, at, from, PAGE, 0, PAGE, memory, operation);
  }
  while (ring.inFlight > 0) {
    ring.submit(ring.inFlight);
    ring.reap();
  }
};
for (let i = 0; i < 200; i++) submit();
const bare = measure(operations, submit);
host.close(ring);
fs.closeSync(fd);
console.log(
  JSON.stringify({ io: io.description, operations, completed, batchBytes: bytes, ringBytes: bare }),
);
