/**
 * The calls of the ring through `node:ffi`, which Node has from version 26 on.
 *
 * @module
 */

import fs from "node:fs";
import process from "node:process";

import { CALLS, EVENTFD_FLAGS, type Ffi, loadLibrary, MAP } from "./ffi.ts";

type Call = (...values: unknown[]) => number;

/** What is used of `node:ffi`, in words of our own: most versions of the types do not have it. */
interface NodeFfi {
  DynamicLibrary: new (path: string) => {
    getFunction(name: string, signature: { arguments: string[]; return: string }): unknown;
  };
  getInt32(pointer: bigint): number;
  getRawPointer(buffer: ArrayBufferLike): bigint;
  toArrayBuffer(pointer: bigint, length: number, copy: boolean): ArrayBuffer;
}

/**
 * Loads the C library.
 *
 * @throws {Error} when this Node has no `node:ffi`, or may not use it.
 */
export function nodeFfi(): Ffi {
  // Not imported: older ones do not have that module, and bundlers would look for it.
  const ffi = process.getBuiltinModule("node:ffi") as unknown as NodeFfi | undefined;
  if (ffi === undefined) throw new Error(`Node ${process.version} has no node:ffi`);
  return loadLibrary(process.arch, (name) => new NodeCalls(ffi, name));
}

class NodeCalls implements Ffi {
  readonly enter: Ffi["enter"];
  readonly setup: Ffi["setup"];
  readonly register: Ffi["register"];
  readonly eventfd: Ffi["eventfd"];
  readonly lastError: () => number;
  readonly #ffi: NodeFfi;
  readonly #close: Call;
  readonly #mmap: (...values: unknown[]) => bigint;
  readonly #munmap: Call;
  readonly #event = new Uint8Array(8);

  constructor(ffi: NodeFfi, name: string) {
    this.#ffi = ffi;
    const call = (symbol: string, words: string, result = "int32"): Call => {
      const signature = { arguments: words === "" ? [] : words.split(" "), return: result };
      return new ffi.DynamicLibrary(name).getFunction(symbol, signature) as Call;
    };
    const enter = call("syscall", "int32 int32 int32 int32 int32 int32");
    const setup = call("syscall", "int32 int32 pointer");
    const register = call("syscall", "int32 int32 int32 pointer int32");
    const eventfd = call("eventfd", "uint32 int32");
    const errno = call("__errno_location", "", "pointer") as unknown as () => bigint;
    this.enter = (fd, submit, wait, flags) => enter(CALLS.enter, fd, submit, wait, flags, 0);
    this.setup = (entries, parameters) => setup(CALLS.setup, entries, parameters);
    this.register = (fd, operation, argument, count) =>
      register(CALLS.register, fd, operation, argument, count);
    this.eventfd = () => eventfd(0, EVENTFD_FLAGS);
    this.lastError = () => ffi.getInt32(errno());
    this.#close = call("close", "int32");
    this.#mmap = call("mmap", "pointer uint64 int32 int32 int32 int64", "pointer") as never;
    this.#munmap = call("munmap", "pointer uint64");
  }

  close(fd: number): void {
    this.#close(fd);
  }

  map(length: number, fd: number, offset: number): number {
    const { protection, flags } = MAP;
    const address = this.#mmap(0n, BigInt(length), protection, flags, fd, BigInt(offset));
    return BigInt.asIntN(64, address) === -1n ? 0 : Number(address);
  }

  unmap(address: number, length: number): void {
    this.#munmap(BigInt(address), BigInt(length));
  }

  view(address: number, length: number): ArrayBuffer {
    return this.#ffi.toArrayBuffer(BigInt(address), length, false);
  }

  addressOf(buffer: ArrayBufferLike): number {
    return Number(this.#ffi.getRawPointer(buffer));
  }

  wait(eventfd: number, done: () => void): void {
    fs.read(eventfd, this.#event, 0, 8, null, done);
  }
}
