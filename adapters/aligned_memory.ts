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

interface WasmHost {
  WebAssembly?: {
    Memory: new (descriptor: { initial: number; maximum: number }) => { buffer: ArrayBuffer };
  };
}

const aligned = new WeakSet<ArrayBufferLike>();

/**
 * New zeroed memory of `bytes` bytes at a fixed address that is a multiple of 4096. It is the
 * memory of a WebAssembly instance that there never is: it cannot grow, so its address cannot
 * change.
 *
 * @throws {RangeError} when `bytes` is not a whole number of at least 0.
 * @throws {Error} when the memory cannot be had, or the runtime has no WebAssembly.
 */
export function allocateAligned(bytes: number): Uint8Array {
  if (!Number.isSafeInteger(bytes) || bytes < 0) {
    throw new RangeError(`cannot allocate ${bytes} bytes: wanted a whole number of at least 0`);
  }
  const wasm = (globalThis as WasmHost).WebAssembly;
  if (wasm === undefined) {
    throw new Error("cannot allocate aligned memory: WebAssembly is switched off in this runtime");
  }
  const pages = Math.ceil(bytes / WASM_PAGE_BYTES);
  try {
    const { buffer } = new wasm.Memory({ initial: pages, maximum: pages });
    aligned.add(buffer);
    return new Uint8Array(buffer, 0, bytes);
  } catch (error) {
    throw new Error(`cannot allocate ${bytes} bytes of aligned memory`, { cause: error });
  }
}

/** Whether byte `offset` of `memory` is known to lie at a multiple of 4096. */
export function isAligned(memory: Uint8Array, offset: number): boolean {
  return (memory.byteOffset + offset) % ALIGNMENT_BYTES === 0 && aligned.has(memory.buffer);
}
