/**
 * Draws plans: which profile and sizes a life has, what happens in it and what goes wrong.
 *
 * @module
 */

import { type FaultKind, type FaultRates, isHarmful } from "./faults.ts";
import { KEY_SHAPES } from "./keys.ts";
import type { ChangePlan, LifePlan, RangePlan, Step, StepKind } from "./plan.ts";
import { Random } from "./random.ts";
import { LATENCIES } from "./scheduler.ts";

/** How often each kind of step comes. */
export type StepWeights = Readonly<Record<StepKind, number>>;

/** The usual weights. */
export const STEP_WEIGHTS: StepWeights = {
  "put": 60,
  "delete": 24,
  "batch": 10,
  "clear": 3,
  "transaction": 14,
  "get": 16,
  "has": 3,
  "getInto": 3,
  "getMany": 4,
  "range": 8,
  "cursor": 4,
  "count": 3,
  "ends": 2,
  "snapshot": 7,
  "read snapshot": 7,
  "close snapshot": 5,
  "iterate": 6,
  "iterate on": 14,
  "end iteration": 3,
  "flush": 4,
  "checkpoint": 7,
  "compact": 2,
  "verify": 1,
  "backup": 1,
  "wait": 4,
  "reopen": 2,
  "read-only": 1,
  "open twice": 1,
  "crash": 4,
  "disk": 0,
};

/** Moods of a disk: which faults happen together, and how often. */
const FAULT_MOODS: readonly Readonly<Partial<Record<FaultKind, number>>>[] = [
  { "read error": 30, "short read": 15, "short write": 15, "empty write": 40 },
  { "read error": 12, "empty read": 200, "completed twice": 10, "changed buffer": 60 },
  { "write error": 60, "failed, done": 80 },
  { "write error": 25, "truncate error": 4, "half a truncate": 4, "close error": 6 },
  { "sync error": 40, "sync error, reverted": 40 },
  { "late sync error": 50 },
  { "full": 25 },
  { "never": 150 },
  { "throws": 120, "open error": 20, "lock held": 20 },
  { "no memory": 60 },
  { "flipped bit": 60, "zeroed sector": 120 },
  { "misdirected read": 40, "misdirected write": 80 },
  { "lost write": 60 },
  { "unreadable sector": 80 },
];

/** Two silent faults may hide each other: every second disk that has some has only one. */
const SILENT_ALONE_ONE_IN = 2;

/** One life in so many has more than the cache holds: eviction, spills, deeper trees. */
const LARGE_ONE_IN = 24;
/** Keys of such a life. */
const LARGE_KEYS = 3000;
/** Steps with which it begins, and the most changes of each. */
const FILLS = 6;
const FILL_CHANGES = 400;

/** What a life is drawn with. */
export interface DrawOptions {
  /** Steps, the crashes and the end included. Default: 200. */
  readonly steps?: number;
  /** Weights of the steps. */
  readonly weights?: Partial<StepWeights>;
}

/** Draws the plan of one life; the same seed gives the same plan. */
export function drawPlan(seed: number, options: DrawOptions = {}): LifePlan {
  const random = new Random(seed);
  // What is drawn from here leaves everything else as the seed says.
  const rare = new Random(~seed);
  const large = rare.oneIn(LARGE_ONE_IN);
  const alone = rare.oneIn(SILENT_ALONE_ONE_IN);
  const pageBytes = random.oneIn(8) ? random.pick([1024, 4096]) : 512;
  const blockBytes = random.oneIn(10) ? 4096 : 512;
  const blocking = random.pick(["always", "on request", "never"] as const);
  const mood = random.oneIn(2) ? random.pick(FAULT_MOODS) : {};
  // An Io that says that it can block keeps its word.
  const faults = blocking === "never" || !("never" in mood) ? mood : {};
  const oddHost = random.oneIn(10);
  const profile = random.oneIn(25) ? "liar" : random.pick(["posix", "paranoid"] as const);
  const full = random.oneIn(12);
  const weights = { ...STEP_WEIGHTS, ...(full ? { disk: 6 } : {}), ...options.weights };
  const plan: Omit<LifePlan, "steps"> = {
    seed: random.below(2 ** 32),
    profile,
    blocking,
    latency: random.below(LATENCIES.length),
    shape: random.pick(KEY_SHAPES),
    pageBytes,
    blockBytes,
    logBlocks: random.pick([32, 64, 64, 128]),
    cacheFrames: random.pick([128, 128, 192]),
    maxPages: random.oneIn(14) ? random.between(150, 400) : undefined,
    faults,
    faultLimit: random.pick([1, 2, 6, 1000]),
    oddHost,
  };
  const circumstances = alone && harmsInSilence(faults) ? { ...plan, faultLimit: 1 } : plan;
  const draw = new StepDraw(random, weights, plan.pageBytes, plan.blocking !== "always");
  const { steps = 200 } = options;
  if (!large) return { ...circumstances, steps: draw.steps(steps) };
  const sizes = { pageBytes: 512, cacheFrames: 128 };
  return { ...circumstances, ...sizes, steps: draw.manySteps(steps, rare) };
}

/** Whether one of the faults changes what is on the disk or was read, and nobody is told. */
function harmsInSilence(faults: FaultRates): boolean {
  return (Object.keys(faults) as FaultKind[]).some(isHarmful);
}

class StepDraw {
  readonly #random: Random;
  readonly #kinds: StepKind[] = [];
  #keys: number;
  readonly #inline: number;
  readonly #pageBytes: number;
  readonly #concurrent: boolean;

  constructor(random: Random, weights: StepWeights, pageBytes: number, concurrent: boolean) {
    this.#random = random;
    this.#keys = random.pick([12, 60, 60, 300]);
    this.#pageBytes = pageBytes;
    this.#inline = (pageBytes >>> 1) - 16;
    this.#concurrent = concurrent;
    for (const [kind, weight] of Object.entries(weights)) {
      for (let i = 0; i < weight; i++) this.#kinds.push(kind as StepKind);
    }
  }

  /** So many steps; the last but one is a crash. */
  steps(count: number): Step[] {
    const steps = Array.from({ length: count - 1 }, () => this.#step());
    steps.splice(this.#random.between(count >>> 1, count - 1), 0, this.#crash());
    return steps;
  }

  /** As many steps over many keys, which the first of them fill in. */
  manySteps(count: number, random: Random): Step[] {
    this.#keys = LARGE_KEYS;
    const steps = this.steps(count);
    for (let fill = 0; fill < Math.min(FILLS, steps.length >>> 2); fill++) {
      const changes = Array.from({ length: random.between(1, FILL_CHANGES) }, (): ChangePlan => {
        return [random.below(LARGE_KEYS), random.below(random.oneIn(8) ? 200 : 40)];
      });
      steps[fill] = random.oneIn(2)
        ? { do: "batch", changes }
        : { do: "transaction", changes, ...(random.oneIn(3) ? { deferred: true } : {}) };
    }
    return steps;
  }

  #crash(): Step {
    return { do: "crash", how: this.#random.oneIn(4) ? "kill" : "power" };
  }

  #key(): number {
    return this.#random.below(this.#keys);
  }

  #bytes(): number {
    const random = this.#random;
    const kind = random.below(20);
    if (kind === 0) return random.between(1, 4) * this.#pageBytes + random.between(-2, 2);
    if (kind === 1) return random.below(6 * this.#pageBytes);
    if (kind < 5) return random.below(this.#inline);
    return random.below(40);
  }

  #changes(count: number): ChangePlan[] {
    return Array.from({ length: count }, (): ChangePlan => {
      return this.#random.oneIn(4) ? [this.#key()] : [this.#key(), this.#bytes()];
    });
  }

  #range(): RangePlan {
    const random = this.#random;
    return {
      ...(random.oneIn(2) ? { from: this.#key() } : {}),
      ...(random.oneIn(2) ? { to: this.#key() } : {}),
      ...(random.oneIn(2) ? { reverse: true } : {}),
      ...(random.oneIn(3) ? { limit: random.below(30) } : {}),
    };
  }

  #call(): { sync?: boolean; deferred?: boolean; beside?: number } {
    const random = this.#random;
    return {
      ...(random.oneIn(this.#concurrent ? 6 : 2) ? { sync: true } : {}),
      ...(random.oneIn(3) ? { deferred: true } : {}),
      ...(this.#concurrent && !random.oneIn(4) ? { beside: random.below(9) } : {}),
    };
  }

  #step(): Step {
    return { ...this.#what(this.#random.pick(this.#kinds)), ...this.#call() };
  }

  #what(kind: StepKind): Step {
    const random = this.#random;
    switch (kind) {
      case "put":
        return { do: kind, key: this.#key(), bytes: this.#bytes() };
      case "delete":
      case "get":
      case "has":
      case "getInto":
        return { do: kind, key: this.#key() };
      case "batch":
        return { do: kind, changes: this.#changes(random.below(12)) };
      case "clear":
        return { do: kind, ...this.#bounds() };
      case "transaction": {
        const count = random.oneIn(12) ? random.below(400) : random.below(16);
        return { do: kind, changes: this.#changes(count), abort: random.oneIn(4) };
      }
      case "getMany":
        return { do: kind, keys: Array.from({ length: random.below(20) }, () => this.#key()) };
      case "range":
      case "cursor":
      case "count":
      case "iterate":
        return { do: kind, range: this.#range() };
      case "iterate on":
        return { do: kind, entries: random.between(1, 30) };
      case "crash":
        return this.#crash();
      case "disk":
        return { do: kind, freeBytes: random.oneIn(2) ? undefined : random.below(40) * 512 };
      default:
        return { do: kind };
    }
  }

  #bounds(): { from?: number; to?: number } {
    const random = this.#random;
    if (random.oneIn(20)) return {};
    return random.oneIn(6) ? { from: this.#key() } : { from: this.#key(), to: this.#key() };
  }
}
