/**
 * The Io that is tested, with a memory of which files it opened: they can be closed under a store,
 * which is all that the end of a process does to them.
 *
 * @module
 */

import { isKvigError } from "../../core/errors.ts";
import {
  type CallOptions,
  Future,
  type Io,
  type IoErrorCode,
  type IoFile,
  type IoOpenOptions,
} from "../../core/io.ts";
import { result } from "./check.ts";
import type { Place } from "./harness.ts";

/** An Io that passes everything on and remembers the files that it opened. */
export class KeptIo implements Io {
  /** What the Io is. */
  readonly description: string;
  /** Whether the Io can block. */
  readonly canBlock: boolean;
  readonly #inner: Io;
  readonly #place: Place;
  #files: IoFile[] = [];

  /** Wraps `inner`; the files are closed when the case of `place` is over. */
  constructor(inner: Io, place: Place) {
    this.description = inner.description;
    this.canBlock = inner.canBlock;
    this.#inner = inner;
    this.#place = place;
  }

  /** Opens a file, and remembers it. */
  open(path: string, options?: IoOpenOptions): Future<IoFile> {
    const opening = this.#inner.open(path, options);
    const { generation } = opening;
    const opened = new Future<IoFile>();
    const finish = (): void => {
      try {
        opened.settle(this.#keep(opening.take(generation)));
      } catch (error) {
        if (isKvigError(error)) opened.fail(error.code as IoErrorCode, error.message, error.cause);
        else opened.fail("KVIG_IO", String(error), error);
      }
    };
    if (opening.settled) finish();
    else opening.promise().then(finish);
    return opened;
  }

  /** Removes a name. */
  remove(path: string, options?: CallOptions): Future<void> {
    return this.#inner.remove(path, options);
  }

  /** Makes the names in a directory durable. */
  syncDirectory(path: string, options?: CallOptions): Future<void> {
    return this.#inner.syncDirectory(path, options);
  }

  /** New memory. */
  allocate(bytes: number): Uint8Array {
    return this.#inner.allocate(bytes);
  }

  /** The time. */
  now(): number {
    return this.#inner.now();
  }

  /** Random bytes. */
  random(bytes: Uint8Array): void {
    this.#inner.random(bytes);
  }

  /** Closes every file that it opened. */
  async closeAll(): Promise<void> {
    const files = this.#files;
    this.#files = [];
    for (const file of files) await result(file.close());
  }

  #keep(file: IoFile): IoFile {
    this.#files.push(file);
    return this.#place.keep(file);
  }
}
