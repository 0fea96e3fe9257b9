/**
 * No store at all: a write of 4 KiB and an fdatasync, round a file that was written before. What a
 * durable commit takes at least.
 *
 * @module
 */

import fs from "node:fs";
import { join } from "node:path";

import { nodeIo } from "../../../adapters/node/mod.ts";
import type { Engine, EngineOptions } from "../engine.ts";

const BLOCK_BYTES = 4096;
const FILE_BYTES = 64 * 2 ** 20;

/** Makes the file and opens it past the system's cache, where the file system permits that. */
export function openBare({ directory }: EngineOptions): Promise<Engine> {
  const path = join(directory, "bare");
  const zeros = new Uint8Array(2 ** 20);
  const creating = fs.openSync(path, "w");
  for (let at = 0; at < FILE_BYTES; at += zeros.length) {
    fs.writeSync(creating, zeros, 0, zeros.length, at);
  }
  fs.fsyncSync(creating);
  fs.closeSync(creating);
  const fd = openDirect(path);
  const block = nodeIo().allocate(BLOCK_BYTES).subarray(0, BLOCK_BYTES);
  let at = 0;
  return Promise.resolve({
    transaction: () => {},
    putBlocking(key, value) {
      block.set(key);
      block.set(value, key.length);
      fs.writeSync(fd, block, 0, BLOCK_BYTES, at);
      fs.fdatasyncSync(fd);
      at = (at + BLOCK_BYTES) % FILE_BYTES;
    },
    sizes: () => ({ dataBytes: FILE_BYTES, logBytes: 0 }),
    close: () => fs.closeSync(fd),
  });
}

function openDirect(path: string): number {
  try {
    return fs.openSync(
      path,
      fs.constants.O_RDWR | (fs.constants.O_DIRECT ?? 0),
    );
  } catch (error) {
    if (
      !(error instanceof Error && "code" in error && error.code === "EINVAL")
    ) throw error;
    return fs.openSync(path, "r+");
  }
}
