/**
 * Memory at addresses that the system's direct input and output accepts.
 *
 * A program cannot see where its memory lies. What is handed out here lies on a page border, and is
 * remembered; all other memory counts as misaligned.
 *
 * @module
 */

/** Positions, lengths and addresses of direct input and output are multiples of this many bytes. */
export const ALIGNMENT_BYTES = 4096;

const WASM_PAGE_BYTES = 65_536;

interface MemoryHost {
  WebAssembly?: {
    Memory: new (descriptor: { initial: number; maximum: number }) => { buffer: ArrayBuffer };
  };
  /** On Bun: tells the address of memory, which stays where it is. */
  Bun?: { FFI?: { ptr(memory: Uint8Array): number } };
}

/** What was handed out, with the offset of a page border in it. */
const borders = new WeakMap<ArrayBufferLike, number>();

/**
 * New zeroed memory of `bytes` bytes at a fixed address that is a multiple of 4096. On Bun it is
 * part of a buffer that is a little larger. Elsewhere no address can be seen, and it is the memory
 * of a WebAssembly instance that there never is: it cannot grow, so its address cannot change. Bun
 * has that too, but collects all garbage for it, again and again.
 *
 * @throws {RangeError} when `bytes` is not a whole number of at least 0.
 * @throws {Error} when the memory cannot be had, or the runtime has no WebAssembly.
 */
export function allocateAligned(bytes: number): Uint8Array {
  if (!Number.isSafeInteger(bytes) || bytes < 0) {
    throw new RangeError(`cannot allocate ${bytes} bytes: wanted a whole number of at least 0`);
  }
  const { WebAssembly: wasm, Bun } = globalThis as MemoryHost;
  if (Bun?.FFI !== undefined) return allocateBetween(bytes, Bun.FFI.ptr);
  if (wasm === undefined) {
    throw new Error("cannot allocate aligned memory: WebAssembly is switched off in this runtime");
  }
  const pages = Math.ceil(bytes / WASM_PAGE_BYTES);
  try {
    const { buffer } = new wasm.Memory({ initial: pages, maximum: pages });
    borders.set(buffer, 0);
    return new Uint8Array(buffer, 0, bytes);
  } catch (error) {
    throw outOfMemory(bytes, error);
  }
}

/** Memory from the first page border on in a buffer, where the host tells addresses. */
function allocateBetween(bytes: number, addressOf: (memory: Uint8Array) => number): Uint8Array {
  try {
    const whole = new Uint8Array(bytes + ALIGNMENT_BYTES);
    const border = ALIGNMENT_BYTES - (addressOf(whole) % ALIGNMENT_BYTES);
    borders.set(whole.buffer, border);
    return whole.subarray(border, border + bytes);
  } catch (error) {
    throw outOfMemory(bytes, error);
  }
}

function outOfMemory(bytes: number, cause: unknown): Error {
  return new Error(`cannot allocate ${bytes} bytes of aligned memory`, { cause });
}

/** Whether byte `offset` of `memory` is known to lie at a multiple of 4096. */
export function isAligned(memory: Uint8Array, offset: number): boolean {
  const border = borders.get(memory.buffer);
  return border !== undefined && (memory.byteOffset + offset - border) % ALIGNMENT_BYTES === 0;
}

/** Whether `memory` is a view of what {@link allocateAligned} made: its address never changes. */
export function isFixed(memory: Uint8Array): boolean {
  return borders.has(memory.buffer);
}
