/// <reference lib="esnext.disposable" preserve="true" />
/**
 * kvig: an embeddable, ordered, ACID key-value store.
 *
 * @example
 * ```ts
 * import { open } from "kvig";
 * await using store = await open("example.kvig");
 * await store.put("hello", "world");
 * ```
 *
 * @module
 */

export * from "./core/public.ts";
export { open } from "./adapters/mod.ts";
