/**
 * The calls of the ring through `bun:ffi`.
 *
 * @module
 */

import fs from "node:fs";
import process from "node:process";

import { CALLS, EVENTFD_FLAGS, type Ffi, loadLibrary, MAP, MAP_FAILED } from "./ffi.ts";

type BunFfi = typeof import("bun:ffi");
type Call = (...values: unknown[]) => number;

/**
 * Loads the C library.
 *
 * @throws {Error} when that cannot be done.
 */
export function bunFfi(): Ffi {
  // Not imported: nothing else has that module, and bundlers would look for it.
  const ffi = process.getBuiltinModule("bun:ffi") as unknown as BunFfi;
  return loadLibrary(process.arch, (name) => new BunCalls(ffi, name));
}

class BunCalls implements Ffi {
  readonly enter: Ffi["enter"];
  readonly setup: Ffi["setup"];
  readonly register: Ffi["register"];
  readonly eventfd: Ffi["eventfd"];
  readonly lastError: () => number;
  readonly #ffi: BunFfi;
  readonly #close: Call;
  readonly #mmap: Call;
  readonly #munmap: Call;
  readonly #event = new Uint8Array(8);

  constructor(ffi: BunFfi, name: string) {
    this.#ffi = ffi;
    const call = (symbol: string, words: string, returns = "i32"): Call => {
      const args = words.split(" ").filter((word) => word !== "");
      const { symbols } = ffi.dlopen(name, { [symbol]: { args, returns } as never });
      return symbols[symbol] as unknown as Call;
    };
    const enter = call("syscall", "i32 i32 i32 i32 i32 i32");
    const setup = call("syscall", "i32 i32 ptr");
    const register = call("syscall", "i32 i32 i32 ptr i32");
    const eventfd = call("eventfd", "u32 i32");
    const errno = call("__errno_location", "", "ptr");
    this.enter = (fd, submit, wait, flags) => enter(CALLS.enter, fd, submit, wait, flags, 0);
    this.setup = (entries, parameters) => setup(CALLS.setup, entries, parameters);
    this.register = (fd, operation, argument, count) =>
      register(CALLS.register, fd, operation, argument, count);
    this.eventfd = () => eventfd(0, EVENTFD_FLAGS);
    this.lastError = () => ffi.read.i32(errno() as never, 0);
    this.#close = call("close", "i32");
    this.#mmap = call("mmap", "u64 u64 i32 i32 i32 i64", "i64_fast");
    this.#munmap = call("munmap", "u64 u64");
  }

  close(fd: number): void {
    this.#close(fd);
  }

  map(length: number, fd: number, offset: number): number {
    const address = Number(this.#mmap(0, length, MAP.protection, MAP.flags, fd, offset));
    return address === MAP_FAILED ? 0 : address;
  }

  unmap(address: number, length: number): void {
    this.#munmap(address, length);
  }

  view(address: number, length: number): ArrayBuffer {
    return this.#ffi.toArrayBuffer(address as never, 0, length);
  }

  addressOf(buffer: ArrayBufferLike): number {
    return Number(this.#ffi.ptr(new Uint8Array(buffer)));
  }

  wait(eventfd: number, done: () => void): void {
    fs.read(eventfd, this.#event, 0, 8, null, done);
  }
}
