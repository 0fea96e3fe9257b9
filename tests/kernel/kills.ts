/**
 * Processes of every runtime killed with SIGKILL while they open a store, recover it, or write to
 * it: on the same stores in turn, so that each runtime recovers what others left.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import process from "node:process";

import { runtimeCommands } from "../../scripts/runtimes.ts";
import { type LifePlan, optionsOf } from "../support/killed_child.ts";
import {
  type Death,
  drawDeath,
  Expected,
  type Heard,
  liveAndDie,
} from "../support/killed_store.ts";
import { Random } from "../support/random.ts";
import { open } from "../support/runtime.ts";
import { assertSound } from "../support/store.ts";
import type { Arena } from "./disks.ts";
import type { Report } from "./report.ts";

const AT_ONCE = 2;
const CYCLES_PER_STORE = 25;
/** So many stores that lost something are enough to know. */
const MAX_LOST = 5;
const NEVER_MS = 30_000;
const NEVER: Death = { startMs: NEVER_MS, openingMs: NEVER_MS, openMs: NEVER_MS, lines: Infinity };

const COMMANDS = runtimeCommands("tests/support/killed_child.ts");
const RUNTIMES = Object.keys(COMMANDS);

/** One store, its deaths, and what it must hold. */
class Killed {
  readonly #report: Report;
  readonly #random: Random;
  readonly #env: NodeJS.ProcessEnv;
  readonly #expected = new Expected();
  readonly #plan: LifePlan;
  readonly #said: string[] = [];

  constructor(path: string, report: Report, random: Random, env: NodeJS.ProcessEnv) {
    this.#report = report;
    this.#random = random;
    this.#env = env;
    this.#plan = {
      path,
      pageSize: random.pick([512, 4096]),
      blocking: false,
      checkpointEvery: 0,
      compactEvery: 0,
      first: [],
    };
  }

  /** Up to `cycles` deaths, fewer where one of them was a violation. */
  async run(cycles: number): Promise<void> {
    for (let cycle = 0; cycle < cycles; cycle++) {
      try {
        await this.#cycle();
      } catch (error) {
        const files = [this.#plan.path, `${this.#plan.path}-wal`];
        const more = [`cycle ${cycle}`, JSON.stringify(this.#plan), ...this.#said];
        this.#report.violation({ scenario: "kills", blame: "killLost", error, files, more });
        return;
      }
    }
  }

  async #cycle(): Promise<void> {
    const random = this.#random;
    this.#said.length = 0;
    this.#plan.first = [...this.#expected.commits];
    const heard = await this.#die(drawDeath(random));
    if (!heard.opened) this.#report.counts.killedWhileOpening++;
    // What it left is recovered by others that are killed in turn: that may change nothing.
    while (random.oneIn(4)) await this.#dieOpening();
    const store = await open(this.#plan.path, optionsOf(this.#plan));
    await this.#expected.take(store, heard);
    assertSound(await store.verify());
    await store.close();
  }

  async #dieOpening(): Promise<void> {
    const death = { ...NEVER, openingMs: this.#random.below(15) };
    const { opened } = await this.#die(death, true);
    if (!opened) this.#report.counts.killedWhileOpening++;
  }

  async #die(death: Death, idle = false): Promise<Heard> {
    const random = this.#random;
    const runtime = random.pick(RUNTIMES);
    const plan = {
      ...this.#plan,
      idle,
      blocking: random.oneIn(2),
      checkpointEvery: random.oneIn(3) ? random.between(1, 40) : 0,
      compactEvery: random.oneIn(6) ? random.between(20, 80) : 0,
    };
    this.#said.push(`${runtime}: ${JSON.stringify(plan)} ${JSON.stringify(death)}`);
    const heard = await liveAndDie(COMMANDS[runtime]!, plan, death, this.#env);
    this.#said.push(JSON.stringify(heard));
    this.#report.counts.killCycles++;
    return heard;
  }
}

/** Kills about `kills` processes, a few more where a store is in the middle of its cycles. */
export async function kills(arena: Arena, report: Report, wanted: number): Promise<void> {
  const directory = arena.directory("kills");
  // Node.js starts faster when what it compiled is kept.
  const env = { ...process.env, NODE_COMPILE_CACHE: arena.directory("compiled") };
  for (const [program, ...words] of Object.values(COMMANDS)) {
    const { status } = spawnSync(program!, [...words, "null"], { env, stdio: "inherit" });
    if (status !== 0) throw new Error(`${program} ${words.join(" ")} ended with ${status}`);
  }
  let stores = 0;
  const worker = async (): Promise<void> => {
    while (report.counts.killCycles < wanted && report.counts.killLost < MAX_LOST) {
      const path = `${directory}/store${stores}`;
      const random = new Random(report.seed + 1000 + stores++);
      const cycles = Math.min(CYCLES_PER_STORE, wanted);
      await new Killed(path, report, random, env).run(cycles);
      for (const file of [path, `${path}-wal`]) fs.rmSync(file, { force: true });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
