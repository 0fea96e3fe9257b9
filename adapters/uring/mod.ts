/// <reference lib="esnext.disposable" preserve="true" />
/**
 * kvig over io_uring: an Io for Linux that hands whole batches to the kernel at once, on Node from
 * 26 on, Deno and Bun.
 *
 * @example
 * ```ts ignore
 * import { open } from "kvig";
 * import { uringIo } from "kvig/uring";
 * await using store = await open("example.kvig", { io: uringIo() });
 * await store.put("hello", "world");
 * ```
 *
 * @module
 */

export { uringIo, type UringIoOptions } from "./io.ts";
export type {
  CallOptions,
  Future,
  Io,
  IoErrorCode,
  IoFile,
  IoOpenOptions,
  WriteBatch,
} from "../../core/io.ts";
