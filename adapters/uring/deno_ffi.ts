/**
 * The calls of the ring through `Deno.dlopen`, which needs `--allow-ffi`.
 *
 * @module
 */

import { CALLS, EVENTFD_FLAGS, type Ffi, loadLibrary, MAP, MAP_FAILED } from "./ffi.ts";

/**
 * Loads the C library.
 *
 * @throws {Error} when Deno may not do that, or it is not there.
 */
export function denoFfi(): Ffi {
  return loadLibrary(Deno.build.arch, (name) => new DenoCalls(open(name)));
}

type Symbols = ReturnType<typeof open>;

function open(name: string) {
  const i32 = "i32";
  return Deno.dlopen(name, {
    enter: { name: "syscall", parameters: [i32, i32, i32, i32, i32, i32], result: i32 },
    setup: { name: "syscall", parameters: [i32, i32, "buffer"], result: i32 },
    register: { name: "syscall", parameters: [i32, i32, i32, "buffer", i32], result: i32 },
    eventfd: { parameters: ["u32", i32], result: i32 },
    close: { parameters: [i32], result: i32 },
    mmap: { parameters: ["i64", "u64", i32, i32, i32, "i64"], result: "i64" },
    munmap: { parameters: ["u64", "u64"], result: i32 },
    read: { parameters: [i32, "buffer", "u64"], result: "i64", nonblocking: true },
    errno: { name: "__errno_location", parameters: [], result: "pointer" },
  }).symbols;
}

class DenoCalls implements Ffi {
  readonly #calls: Symbols;
  readonly enter: Ffi["enter"];
  readonly #event = new Uint8Array(8);

  constructor(calls: Symbols) {
    this.#calls = calls;
    const { enter } = calls;
    this.enter = (fd, submit, wait, flags) => enter(CALLS.enter, fd, submit, wait, flags, 0);
  }

  setup(entries: number, parameters: Uint8Array): number {
    return this.#calls.setup(CALLS.setup, entries, parameters as Uint8Array<ArrayBuffer>);
  }

  register(fd: number, operation: number, argument: Int32Array, count: number): number {
    const bytes = new Uint8Array(argument.buffer as ArrayBuffer);
    return this.#calls.register(CALLS.register, fd, operation, bytes, count);
  }

  eventfd(): number {
    return this.#calls.eventfd(0, EVENTFD_FLAGS);
  }

  close(fd: number): void {
    this.#calls.close(fd);
  }

  map(length: number, fd: number, offset: number): number {
    const { protection, flags } = MAP;
    const { mmap } = this.#calls;
    const address = Number(mmap(0n, BigInt(length), protection, flags, fd, BigInt(offset)));
    return address === MAP_FAILED ? 0 : address;
  }

  unmap(address: number, length: number): void {
    this.#calls.munmap(BigInt(address), BigInt(length));
  }

  view(address: number, length: number): ArrayBuffer {
    const pointer = Deno.UnsafePointer.create(BigInt(address));
    if (pointer === null) throw new Error("there is no memory at address 0");
    return Deno.UnsafePointerView.getArrayBuffer(pointer, length);
  }

  addressOf(buffer: ArrayBufferLike): number {
    const pointer = Deno.UnsafePointer.of(new Uint8Array(buffer as ArrayBuffer));
    return Number(Deno.UnsafePointer.value(pointer));
  }

  lastError(): number {
    const pointer = this.#calls.errno();
    return pointer === null ? 0 : new Deno.UnsafePointerView(pointer).getInt32();
  }

  wait(eventfd: number, done: () => void): void {
    this.#calls.read(eventfd, this.#event, 8n).then(done, done);
  }
}
