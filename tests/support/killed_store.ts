/**
 * Killing a process that writes to a store, and what the store must hold afterwards: what was
 * acknowledged is there, every commit is whole or absent, the commits of each task are a prefix.
 *
 * The children are those of `killed_child.ts`. The moment of the kill is a random delay or a random
 * number of lines heard, at times before the store is open.
 *
 * @module
 */

import { spawn } from "node:child_process";

import type { Kvig } from "../../mod.ts";
import { assertEquals, fail } from "./assert.ts";
import type { LifePlan } from "./killed_child.ts";
import { changesOf, COUNTER, TASKS, verbOf } from "./numbered_commits.ts";
import type { Random } from "./random.ts";
import { textOf } from "./store.ts";

const LIFE_LIMIT_MS = 30_000;

/** What a child said before it died. */
export interface Heard {
  opened: boolean;
  /** The last commit of each task that was issued, and acknowledged; else below the first. */
  issued: number[];
  acknowledged: number[];
}

/** When a child is killed: whichever of these comes first. */
export interface Death {
  /** Milliseconds after its start, at the latest. */
  startMs: number;
  /** Milliseconds after it began to open its store. */
  openingMs: number;
  /** Milliseconds after its store was open. */
  openMs: number;
  /** Lines that it said. */
  lines: number;
}

/** Draws when a child dies. */
export function drawDeath(random: Random): Death {
  const never = LIFE_LIMIT_MS;
  const death: Death = { startMs: never, openingMs: never, openMs: never, lines: Infinity };
  if (random.oneIn(10)) death.openingMs = random.below(random.oneIn(2) ? 4 : 20);
  else if (random.oneIn(2)) death.openMs = random.below(random.oneIn(4) ? 150 : 30);
  else death.lines = 3 + random.below(random.oneIn(6) ? 600 : 80);
  return death;
}

/** Starts a child with the command that runs its program, and kills it; tells what it said. */
export function liveAndDie(
  command: readonly string[],
  plan: LifePlan,
  death: Death,
  env: NodeJS.ProcessEnv,
): Promise<Heard> {
  const [program, ...words] = [...command, JSON.stringify(plan)];
  const child = spawn(program!, words, {
    stdio: ["ignore", "pipe", "inherit"],
    env,
  });
  const kill = (): void => void child.kill("SIGKILL");
  const timers = [setTimeout(kill, death.startMs)];
  const before = plan.first.map((first) => first - 1);
  const heard: Heard = { opened: false, issued: [...before], acknowledged: [...before] };
  let rest = "";
  let lines = 0;
  const hear = (line: string): void => {
    const [what, task, n] = line.split(" ");
    if (what === "opening") timers.push(setTimeout(kill, death.openingMs));
    else if (what === "open") {
      heard.opened = true;
      timers.push(setTimeout(kill, death.openMs));
    } else (what === "i" ? heard.issued : heard.acknowledged)[Number(task)] = Number(n);
    if (++lines === death.lines) kill();
  };
  return new Promise((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      const whole = (rest + chunk.toString()).split("\n");
      rest = whole.pop()!;
      whole.forEach(hear);
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      timers.forEach(clearTimeout);
      if (signal === "SIGKILL") resolve(heard);
      else reject(new Error(`the child ended by itself, with ${code ?? signal}`));
    });
  });
}

/** What one store must hold, and what was seen of it so far. */
export class Expected {
  /** Entries of each task after `commits` of it. */
  readonly entries: Map<string, string>[] = Array.from({ length: TASKS }, () => new Map());
  /** Commits of each task that are in the store for good. */
  readonly commits: number[] = new Array<number>(TASKS).fill(0);
  /** Transactions among them. */
  transactions = 0;

  /** Compares `store` with what a dead child said; what it holds is expected from now on. */
  async take(store: Kvig, heard: Heard): Promise<void> {
    const counter = Number(textOf(await store.get(COUNTER)) ?? "0");
    for (let task = 0; task < TASKS; task++) {
      await this.#takeTask(store, heard, task);
    }
    // Commits that change no entry of their task may be there or not: only the counter tells.
    for (let task = 0; task < TASKS; task++) this.#takeSilent(heard, task, counter);
    assertEquals(counter, this.transactions, "each transaction there is whole with its counter");
    const count = this.entries.reduce((sum, { size }) => sum + size, counter === 0 ? 0 : 1);
    assertEquals(await store.count(), count, "nothing is there that was not written");
  }

  async #takeTask(store: Kvig, heard: Heard, task: number): Promise<void> {
    const found = new Map<string, string>();
    for await (const [key, value] of store.range({ prefix: `task${task}/` })) {
      found.set(textOf(key)!, textOf(value)!);
    }
    const last = heard.issued[task]!;
    while (this.commits[task]! <= heard.acknowledged[task]!) this.#apply(task);
    while (!sameEntries(found, this.entries[task]!)) {
      if (this.commits[task]! > last) {
        fail(
          `task ${task}: the entries are those after no number of commits from ` +
            `${heard.acknowledged[task]! + 1} (acknowledged) to ${last + 1} (issued)`,
        );
      }
      this.#apply(task);
    }
  }

  #takeSilent(heard: Heard, task: number, counter: number): void {
    const entries = this.entries[task]!;
    while (this.commits[task]! <= heard.issued[task]! && this.transactions < counter) {
      const n = this.commits[task]!;
      const changes = changesOf(task, n);
      if (!changes.every(({ key, value }) => entries.get(key) === value)) return;
      this.#apply(task);
    }
  }

  #apply(task: number): void {
    const n = this.commits[task]!++;
    if (verbOf(task, n) === "transaction") this.transactions++;
    for (const { key, value } of changesOf(task, n)) {
      if (value === undefined) this.entries[task]!.delete(key);
      else this.entries[task]!.set(key, value);
    }
  }
}

function sameEntries(left: Map<string, string>, right: Map<string, string>): boolean {
  if (left.size !== right.size) return false;
  for (const [key, value] of left) if (right.get(key) !== value) return false;
  return true;
}
