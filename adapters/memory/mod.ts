/**
 * kvig in memory: an Io without files, for tests and for data that need not outlive the process.
 *
 * @module
 */

export { memoryIo, type MemoryIoOptions } from "./io.ts";
