/**
 * What commands read: a file, or standard input.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createReadStream, fstatSync, statSync } from "node:fs";
import process from "node:process";
import { addAbortSignal, type Readable } from "node:stream";

import { MAX_VALUE_BYTES } from "../core/limits.ts";
import { codeOf, CommandError } from "./failures.ts";

/** Bytes read at a time. */
const CHUNK_BYTES = 256 * 1024;

/** A source of bytes. */
export interface Input extends AsyncIterable<Uint8Array> {
  /** What messages call it. */
  readonly name: string;
  /** Its size in bytes, where that is known. */
  readonly bytes: number | undefined;
}

/**
 * Begins to read `path`, or standard input where that is `-` or left out.
 * Aborting the signal ends the reading with an `AbortError`.
 * @throws {CommandError} where it cannot be read, while reading too.
 */
export function openInput(path: string | undefined, signal: AbortSignal): Input {
  if (path === undefined || path === "-") {
    if (process.stdin.isTTY) {
      process.stderr.write("kvig: reading what you type; end with Ctrl-D on a line of its own\n");
    }
    return input("standard input", sizeOfStandardInput(), () => process.stdin, signal);
  }
  const stream = (): Readable => createReadStream(path, { highWaterMark: CHUNK_BYTES });
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw new CommandError(`${path} cannot be read: it is a directory`);
    return input(path, stat.isFile() ? stat.size : undefined, stream, signal);
  } catch (error) {
    throw readError(path, error);
  }
}

/**
 * All bytes of an input.
 * @throws {CommandError} for more than a value can have.
 */
export async function readAll(input: Input): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_VALUE_BYTES) {
      throw new CommandError(
        `${input.name} has more than ${MAX_VALUE_BYTES} bytes, the largest value`,
      );
    }
  }
  return Buffer.concat(chunks, bytes);
}

function input(
  name: string,
  bytes: number | undefined,
  open: () => Readable,
  signal: AbortSignal,
): Input {
  return { name, bytes, [Symbol.asyncIterator]: () => chunksOf(name, open, signal) };
}

async function* chunksOf(
  name: string,
  open: () => Readable,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    const stream = addAbortSignal(signal, open());
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (error) {
    if (error instanceof Error && error.name === "AbortError") throw error;
    throw readError(name, error);
  }
}

function sizeOfStandardInput(): number | undefined {
  try {
    const stat = fstatSync(0);
    return stat.isFile() ? stat.size : undefined;
  } catch (error) {
    throw readError("standard input", error);
  }
}

function readError(name: string, error: unknown): unknown {
  const code = codeOf(error);
  if (code === undefined) return error;
  const reasons: Record<string, string> = {
    ENOENT: "there is no such file",
    EISDIR: "it is a directory",
    EACCES: "permission denied",
    EBADF: "it is closed",
  };
  return new CommandError(
    `${name} cannot be read: ${reasons[code] ?? "the system says"} (${code})`,
  );
}
