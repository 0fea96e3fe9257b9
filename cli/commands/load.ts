/**
 * `kvig load`.
 *
 * @module
 */

import type { Call, Command } from "../command.ts";
import { EXIT_OK } from "../exit_codes.ts";
import {
  CommandError,
  describeStoreError,
  Interrupted,
  isInterruption,
  LineError,
} from "../failures.ts";
import { type Input, openInput } from "../input.ts";
import { type Entry, parseEntry } from "../json_lines.ts";
import { LineSplitter } from "../line_splitter.ts";
import { showCount, showMany, showSeconds, showShare } from "../measures.ts";
import { CACHE_SIZE, QUIET } from "../options.ts";
import { type Store, withStore } from "../store.ts";
import { isKvigError } from "../../core/errors.ts";

/** Lines in a transaction unless said otherwise. */
const BATCH_LINES = 1000;
/** A transaction ends early at this size. */
const BATCH_BYTES = 1024 * 1024;

/** Reads entries into a store. */
export const loadCommand: Command = {
  name: "load",
  operands: ["STORE", "[FILE]"],
  summary: "Read entries, one line of JSON each, into a store.",
  about: `
Reads FILE, or standard input where FILE is - or left out, and sets a key for each line. The
store is made where there is none; what it has stays, except keys that a line sets anew.

A line is an object with a key and a value, both text: {"key":"greeting","value":"hello"}. For
bytes that are no text there are key64 and value64, in base64: {"key64":"AP8=","value":""}.
Empty lines are skipped.

Lines go into the store in transactions of 1000, each on the disk before the next begins.
Where a line is wrong, or on Ctrl-C, whole transactions before it stay, and the message says
up to which line. Loading the same file again does no harm.
`,
  options: [
    {
      name: "batch",
      value: "LINES",
      about: "Lines in a transaction; it ends early at 1 MiB. Default: 1000.",
    },
    {
      name: "no-sync",
      about:
        "Wait for the disk only once, at the end: faster, and a power cut before the end may " +
        "take back what was loaded.",
    },
    {
      name: "page-size",
      value: "SIZE",
      about:
        "Size of a page of a new store, a power of two from 512 to 64KiB. Default: 4KiB. Keys " +
        "have at most a quarter of it.",
    },
    {
      name: "log-size",
      value: "SIZE",
      about: "Size of the log of a new store, at least 1MiB. Default: 64MiB.",
    },
    CACHE_SIZE,
    QUIET,
  ],
  examples: [
    { line: "kvig load demo.kvig entries.jsonl", about: "load a file" },
    {
      line: `printf '%s\\n' '{"key":"greeting","value":"hello"}' | kvig load demo.kvig`,
      about: "load one entry from a pipe",
    },
    { line: "gunzip -c demo.jsonl.gz | kvig load demo.kvig --no-sync", about: "restore a dump" },
  ],
  async run(call) {
    const { given, progress } = call;
    const loading = new Loading(call, given.count("batch", 1) ?? BATCH_LINES);
    const start = performance.now();
    const [pageSize, logSize] = [given.size("page-size"), given.size("log-size")];
    const how = {
      createIfMissing: true,
      ...(pageSize === undefined ? {} : { pageSize }),
      ...(logSize === undefined ? {} : { logSize }),
    };
    const input = openInput(given.operands[1], call.signal);
    await withStore(call, how, (store) => loading.run(store, input));
    const time = showSeconds(performance.now() - start);
    progress.end(`loaded ${showMany(loading.storedEntries, "entry", "entries")} in ${time}`);
    return EXIT_OK;
  },
};

/** One loading, from its first line to its last. */
class Loading {
  readonly #call: Call;
  readonly #batchLines: number;
  readonly #durability: "sync" | "deferred";
  readonly #lines = new LineSplitter();
  #batch: (Entry & { line: number })[] = [];
  #batchBytes = 0;
  #storedLine = 0;
  /** Entries in the store by now. */
  storedEntries = 0;

  constructor(call: Call, batchLines: number) {
    this.#call = call;
    this.#batchLines = batchLines;
    this.#durability = call.given.has("no-sync") ? "deferred" : "sync";
  }

  /** Loads everything that `input` has. */
  async run(store: Store, input: Input): Promise<void> {
    let readBytes = 0;
    try {
      for await (const chunk of input) {
        for (const line of this.#lines.push(chunk)) {
          if (this.#take(line)) await this.#commit(store);
        }
        readBytes += chunk.length;
        this.#call.progress.show(() =>
          `load: ${showCount(this.storedEntries)} entries${showShare(readBytes, input.bytes)}`
        );
      }
      for (const line of this.#lines.end()) this.#take(line);
      await this.#commit(store);
      if (this.#durability === "deferred") await store.flush();
    } catch (error) {
      throw this.#explained(error, input);
    }
  }

  /** Takes a line into the batch; true when that is full. */
  #take(line: string): boolean {
    if (line.trim() === "") return false;
    const entry = parseEntry(line);
    this.#batch.push({ ...entry, line: this.#lines.line });
    this.#batchBytes += entry.key.length + entry.value.length;
    return this.#batch.length >= this.#batchLines || this.#batchBytes >= BATCH_BYTES;
  }

  async #commit(store: Store): Promise<void> {
    if (this.#call.signal.aborted) throw new Interrupted("interrupted");
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#batchBytes = 0;
    let line = 0;
    try {
      await store.transaction(async (tx) => {
        for (const entry of batch) {
          line = entry.line;
          await tx.put(entry.key, entry.value);
        }
      }, { durability: this.#durability });
    } catch (error) {
      if (!isKvigError(error, "KVIG_KEY_TOO_LARGE", "KVIG_VALUE_TOO_LARGE")) throw error;
      throw new LineError(describeStoreError(error), line);
    }
    this.#storedLine = this.#lines.line;
    this.storedEntries += batch.length;
  }

  #stored(): string {
    if (this.#storedLine === 0) return "nothing was stored";
    if (this.#storedLine === 1) return "line 1 is stored";
    return `lines 1 to ${this.#storedLine} are stored`;
  }

  /** The error with the line that it is about, and with what is in the store. */
  #explained(error: unknown, input: Input): unknown {
    const stored = this.#stored();
    if (error instanceof LineError) {
      const line = error.line ?? this.#lines.line;
      return new CommandError(`${input.name}, line ${line}: ${error.message} (${stored})`);
    }
    if (isInterruption(error)) return new Interrupted(`interrupted: ${stored}`);
    if (error instanceof CommandError) return new CommandError(`${error.message} (${stored})`);
    if (isKvigError(error)) return new CommandError(`${describeStoreError(error)} (${stored})`);
    return error;
  }
}
