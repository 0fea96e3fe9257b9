/**
 * Hostile inputs by number: a seed and a number make the same two files again.
 *
 * @module
 */

import process from "node:process";

import { DATA, LOG } from "../damage/subject.ts";
import { AMPLE, ImageIo } from "../support/image_io.ts";
import { Random } from "../support/random.ts";
import { type Base, pickBase } from "./bases.ts";
import { KNOWING, UNKNOWING } from "./mutations.ts";
import { Broken, type Course, Ordeal } from "./ordeal.ts";
import { Target } from "./target.ts";

/** What an input may take. */
export const LIMITS = {
  /** Milliseconds of the processor's time, in the fastest of several tries. */
  milliseconds: 100,
  /** Bytes of memory that are reserved or read into. */
  memoryBytes: 64 * 1024 * 1024,
  /** Operations of the Io. */
  operations: 20_000,
} as const;

const TRIES = 5;

/** Where the runtime tells threads apart, this one's time counts; else that of the process. */
interface ThreadTimes {
  threadCpuUsage?(): { user: number; system: number };
}

/** Milliseconds that the processor has worked for this thread: a busy machine adds none. */
function processorMs(): number {
  const times = (process as unknown as ThreadTimes).threadCpuUsage?.() ?? process.cpuUsage();
  return (times.user + times.system) / 1000;
}

/** What came of one input. */
export interface InputResult {
  /** What is wrong; "" where nothing is. */
  violation: string;
  /** How far it went. */
  course: Course | undefined;
  /** Whether its checksums were repaired. */
  repaired: boolean;
}

const ios = new Map<Base, ImageIo>();

function ioOf(base: Base): ImageIo {
  let io = ios.get(base);
  if (io === undefined) {
    io = new ImageIo(5, {
      ...AMPLE,
      operations: LIMITS.operations,
      memoryBytes: LIMITS.memoryBytes,
    });
    io.file(DATA).setImage(base.data);
    io.file(LOG).setImage(base.log);
    ios.set(base, io);
  }
  return io;
}

/** An input, as files. */
export interface Input {
  /** The files. */
  readonly io: ImageIo;
  /** What they were made of. */
  readonly base: Base;
  /** What decides what is done with them. */
  readonly random: Random;
  /** Whether the checksums were made to fit. */
  readonly repaired: boolean;
  /** What was done to them. */
  readonly story: readonly string[];
}

/** Makes input number `index` of a seed. */
export function makeInput(seed: number, index: number): Input {
  const random = new Random(Math.imul(seed, 0x9E3779B1) ^ Math.imul(index + 1, 0x85EBCA6B));
  const base = pickBase(random);
  const io = ioOf(base);
  io.restore();
  const repaired = index % 2 === 0;
  const target = new Target(base, io, random);
  const count = random.pick([1, 1, 1, 2, 2, 3, 5]);
  for (let i = 0; i < count; i++) {
    const knowing = repaired ? !random.oneIn(8) : random.oneIn(2);
    random.pick(knowing ? KNOWING : UNKNOWING)(target);
  }
  if (repaired) target.reseal();
  return { io, base, random, repaired, story: target.story };
}

function tryInput(seed: number, index: number): InputResult & { took: number } {
  const input = makeInput(seed, index);
  const { io, base, random, repaired } = input;
  const started = processorMs();
  let violation = "";
  let course: Course | undefined;
  try {
    course = new Ordeal(io, { base, random, strict: !repaired }).run();
  } catch (error) {
    violation = error instanceof Broken
      ? error.message
      : error instanceof Error
      ? error.stack ?? error.message
      : String(error);
  }
  const took = processorMs() - started;
  if (io.exceeded !== "") violation = `it takes more than ${io.exceeded}`;
  else if (io.readBytes > LIMITS.memoryBytes) violation = `it reads ${io.readBytes} bytes`;
  return { violation, course, repaired, took };
}

/** Puts one input through its ordeal. */
export function runInput(seed: number, index: number): InputResult {
  let best = tryInput(seed, index);
  for (let i = 1; i < TRIES && best.violation === "" && best.took > LIMITS.milliseconds; i++) {
    const again = tryInput(seed, index);
    if (again.took < best.took) best = again;
  }
  if (best.violation === "" && best.took > LIMITS.milliseconds) {
    best.violation = `it takes ${best.took.toFixed(0)} ms of the processor, at best`;
  }
  return best;
}
