/**
 * What the ring wants of a runtime's foreign function interface: the few calls of the C library
 * that io_uring consists of, and memory that a program shares with the kernel.
 *
 * Numbers and no BigInts wherever it is hot: addresses are below 2^47, so a number holds them.
 *
 * @module
 */

/** The calls of the C library, as one runtime makes them. None of them throws. */
export interface Ffi {
  /** io_uring_enter(2): how many entries were taken, or -1. This one is hot. */
  enter(fd: number, submit: number, wait: number, flags: number): number;
  /** io_uring_setup(2): a descriptor, or -1. `parameters` is filled by the kernel. */
  setup(entries: number, parameters: Uint8Array): number;
  /** io_uring_register(2) with one descriptor as argument: 0, or -1. */
  register(fd: number, operation: number, argument: Int32Array, count: number): number;
  /** eventfd(2) at zero, closed on exec: a descriptor, or -1. */
  eventfd(): number;
  /** close(2). */
  close(fd: number): void;
  /** Maps `length` bytes of `fd` from `offset` on, shared; 0 when that is refused. */
  map(length: number, fd: number, offset: number): number;
  /** Ends a mapping. Nothing may touch a view of it afterwards. */
  unmap(address: number, length: number): void;
  /** The `length` bytes at `address`, without a copy. */
  view(address: number, length: number): ArrayBuffer;
  /** Where the memory of `buffer` lies. */
  addressOf(buffer: ArrayBufferLike): number;
  /** Number of the last error of a call that gave -1, as far as the runtime has kept it. */
  lastError(): number;
  /** Waits in the background until `eventfd` is not zero, takes its value and calls `done`. */
  wait(eventfd: number, done: () => void): void;
}

/**
 * Loads the C library of Linux under the first of its names, of glibc and of musl, that `load`
 * finds.
 *
 * @throws {Error} that of the last name, when there is none.
 */
export function loadLibrary(architecture: string, load: (name: string) => Ffi): Ffi {
  const musl = architecture === "x64" || architecture === "x86_64" ? "x86_64" : "aarch64";
  let failure: unknown;
  for (const name of ["libc.so.6", `libc.musl-${musl}.so.1`]) {
    try {
      return load(name);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** Numbers of the system calls, the same on all architectures of today. */
export const CALLS = { setup: 425, enter: 426, register: 427 } as const;

/** Arguments of mmap(2): PROT_READ | PROT_WRITE, and MAP_SHARED | MAP_POPULATE. */
export const MAP = { protection: 3, flags: 0x8001 } as const;

/** EFD_CLOEXEC of eventfd(2). */
export const EVENTFD_FLAGS = 0x80000;

/** What mmap(2) gives when it fails, as a number. */
export const MAP_FAILED = -1;
