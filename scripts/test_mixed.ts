/**
 * Processes of all runtimes at one store: each reads and writes what each other one wrote; of many
 * that open a store at once exactly one wins; and where one is killed, the next opens at once.
 *
 * Usage: `test_mixed.ts [--processes N] [--rounds N]`
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

import { runtimeCommands } from "./runtimes.ts";

const given = parseArgs({
  options: {
    processes: { type: "string", default: "50" },
    rounds: { type: "string", default: "20" },
  },
}).values;
const ENTRIES = 2000;
const ANSWER_LIMIT_MS = 120_000;

const RUNTIMES = runtimeCommands("tests/support/mixed_worker.ts");

/** A process that answers each line that it is told. */
class Worker {
  readonly runtime: string;
  readonly #child: ChildProcess;
  readonly #waiting: ((line: string) => void)[] = [];
  readonly ready: Promise<string>;

  constructor(runtime: string) {
    this.runtime = runtime;
    const [program, ...words] = RUNTIMES[runtime]!;
    this.#child = spawn(program!, words, { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.setMaxListeners(0);
    this.ready = this.#answer();
    createInterface({ input: this.#child.stdout! }).on("line", (line) => {
      this.#waiting.shift()?.(line);
    });
  }

  /** Tells it something and waits for its answer. */
  tell(...words: (string | number)[]): Promise<string> {
    this.#child.stdin!.write(`${words.join("\t")}\n`);
    return this.#answer();
  }

  /** Kills it and waits for its end. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await ended;
  }

  #answer(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#child.once("exit", () => reject(new Error(`${this.runtime} ended`)));
      const late = setTimeout(
        () => reject(new Error(`${this.runtime} gave no answer`)),
        ANSWER_LIMIT_MS,
      );
      this.#waiting.push((line) => {
        clearTimeout(late);
        resolve(line);
      });
    });
  }
}

const names = Object.keys(RUNTIMES);
const work = mkdtempSync(join(tmpdir(), "kvig-mixed-"));
let failed = 0;

function expect(what: string, answer: string, wanted: string): void {
  if (answer === wanted) return;
  failed++;
  console.log(`FAILED  ${what}: ${answer}, expected ${wanted}`);
}

/** Every runtime writes a store; every other one reads and verifies it, and adds its own. */
async function exchange(workers: readonly Worker[]): Promise<void> {
  for (const writer of workers) {
    const path = join(work, `by ${writer.runtime}`);
    const order = [writer, ...workers.filter((worker) => worker !== writer)];
    const before: string[] = [];
    for (const worker of order) {
      const what = `${worker.runtime} at the store of ${writer.runtime}`;
      expect(what, await worker.tell("open", path), "open");
      for (const prefix of before) {
        expect(`${what}: ${prefix}`, await worker.tell("check", path, prefix, ENTRIES), "right");
      }
      expect(what, await worker.tell("write", path, worker.runtime, ENTRIES), "written");
      before.push(worker.runtime);
      expect(what, await worker.tell("close", path), "closed");
    }
  }
  console.log(`each of ${names.join(", ")} read, verified and wrote the stores of each other`);
}

/** All open one store at once. */
async function race(workers: readonly Worker[], rounds: number): Promise<void> {
  const wins = new Map(names.map((name) => [name, 0]));
  for (let round = 0; round < rounds; round++) {
    const path = join(work, `round ${round}`);
    const answers = await Promise.all(workers.map((worker) => worker.tell("open", path)));
    const winners = workers.filter((_, index) => answers[index] === "open");
    const others = answers.filter((answer) => answer !== "open");
    expect(`round ${round}: winners`, String(winners.length), "1");
    for (const answer of others) expect(`round ${round}`, answer, "KVIG_LOCKED");
    for (const winner of winners) {
      wins.set(winner.runtime, (wins.get(winner.runtime) ?? 0) + 1);
      expect("the winner closes", await winner.tell("close", path), "closed");
    }
  }
  const tally = [...wins].map(([name, count]) => `${name} ${count}`).join(", ");
  console.log(`${workers.length} processes, ${rounds} rounds: one winner in each (${tally})`);
}

/** Each runtime is killed with a store open; the next one opens it at once. */
async function succession(): Promise<void> {
  for (const dying of names) {
    for (const heir of names) {
      const [holder, next] = [new Worker(dying), new Worker(heir)];
      await Promise.all([holder.ready, next.ready]);
      const path = join(work, `${dying} to ${heir}`);
      expect(`${dying} opens`, await holder.tell("open", path), "open");
      expect(`${dying} writes`, await holder.tell("write", path, "left", ENTRIES), "written");
      expect(`${heir} while ${dying} lives`, await next.tell("open", path), "KVIG_LOCKED");
      await holder.kill();
      expect(`${heir} after the death of ${dying}`, await next.tell("open", path), "open");
      expect(`${heir} finds all`, await next.tell("check", path, "left", ENTRIES), "right");
      await next.kill();
    }
  }
  console.log(`${names.length ** 2} times a holder was killed and the next process opened at once`);
}

const workers = Array.from(
  { length: Number(given.processes) },
  (_, index) => new Worker(names[index % names.length]!),
);
try {
  await Promise.all(workers.map((worker) => worker.ready));
  await exchange(workers.slice(0, names.length));
  await race(workers, Number(given.rounds));
  await succession();
} finally {
  await Promise.all(workers.map((worker) => worker.kill()));
  rmSync(work, { recursive: true, force: true });
}
console.log(failed === 0 ? "mixed: passed" : `mixed: ${failed} failures`);
if (failed > 0) process.exitCode = 1;
