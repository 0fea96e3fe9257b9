/**
 * What a deliberately broken Io is, and the good Ios that the broken ones are made of.
 *
 * @module
 */

import { memoryIo } from "../../adapters/memory/io.ts";
import { Future, type Io, type IoFile } from "../../core/io.ts";
import type { Harness } from "../conformance/harness.ts";
import { cutPower, DurableIo } from "./durable_io.ts";
import { LateIo, WrappedFile, WrappedIo } from "./wrapped_io.ts";

/** An Io with one defect, and the case of the suite whose name states the sentence it breaks. */
export interface BrokenIo {
  /** What is wrong with it. */
  readonly defect: string;
  /** The case that must fail: group and name. */
  readonly breaks: string;
  /** The harness to run the suite with. */
  readonly harness: Harness;
}

/** The good Ios: one settles at once, the other later and in any order. */
export type Way = "blocking" | "late";

/** A harness for a good Io in memory, with power to cut, or for what `wrap` makes of it. */
export function goodHarness(way: Way, wrap: (io: Io) => Io = (io) => io): Harness {
  const slowed = (io: Io): Io => way === "late" ? new LateIo(io) : io;
  return {
    createIo: () => wrap(slowed(new DurableIo())),
    supports: {
      blocking: true,
      large: false,
      locks: true,
      powerCut: cutPower,
      full: (capacityBytes) => wrap(slowed(memoryIo({ capacityBytes }))),
      failing: () => wrap(slowed(new FailingIo())),
    },
    limitMs: 20_000,
  };
}

/** An Io with a defect of its own. */
export function brokenIo(
  defect: string,
  breaks: string,
  way: Way,
  wrap: (io: Io) => Io,
): BrokenIo {
  return { defect, breaks, harness: goodHarness(way, wrap) };
}

/** An Io whose files have a defect. */
export function brokenFile(
  defect: string,
  breaks: string,
  way: Way,
  wrap: (file: IoFile) => IoFile,
): BrokenIo {
  return brokenIo(defect, breaks, way, (io) => new WrappedIo(io, wrap));
}

/** A good Io over a disk that fails. */
class FailingIo extends WrappedIo {
  constructor() {
    super(memoryIo(), (file) => new FailingFile(file));
  }
}

class FailingFile extends WrappedFile {
  #closed = false;

  override read(): Future<number> {
    return this.#fail("read");
  }

  override write(): Future<number> {
    return this.#fail("write");
  }

  override writeBatch(): Future<void> {
    return this.#fail("write");
  }

  override sync(): Future<void> {
    return this.#fail("sync");
  }

  override truncate(): Future<void> {
    return this.#fail("truncate");
  }

  override close(): Future<void> {
    this.#closed = true;
    return this.inner.close();
  }

  #fail<T>(verb: string): Future<T> {
    if (this.#closed) return Future.failed("KVIG_CLOSED", `${this.path} is closed`);
    const cause = new Error("EIO: made up");
    return Future.failed("KVIG_IO", `cannot ${verb} ${this.path}: EIO`, cause);
  }
}
