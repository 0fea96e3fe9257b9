/**
 * The command line of the error sweep.
 *
 * @module
 */

import { FAULT_KINDS, type FaultKind } from "../sim/faults.ts";
import type { Form } from "./run.ts";
import { WORKLOADS } from "./workloads.ts";

/** What is wanted on the command line. */
export interface Command {
  /** What everything follows from. */
  seed: number;
  /** Rounds with other seeds, latencies and parts. */
  rounds: number;
  /** Only workloads whose name contains this. */
  only: string | undefined;
  /** Only this fault. */
  kind: FaultKind | undefined;
  /** Only this form. */
  form: Form | undefined;
  /** Only the operation with this number. */
  index: number | undefined;
  /** Only once, or only for ever. */
  ever: boolean | undefined;
  /** Only this round. */
  round: number | undefined;
  /** Print the table of cells. */
  cells: boolean;
  /** Print the trace of the one injection that is chosen. */
  trace: boolean;
  /** Number of this process and of all, for the processes that share the work. */
  share: readonly [number, number] | undefined;
}

/** A command line that cannot be understood. */
export class UsageError extends Error {}

const FORMS: readonly Form[] = ["sync", "promises", "late"];
/** Rounds of the long run. */
const LONG_ROUNDS = 8;

/** The help. */
export const HELP: string = `npm run errors -- [OPTION]...

Lets every operation of fixed workloads fail in every way, once and for ever, and looks at what the
store makes of it. The last line is one JSON object; the exit code is 1 when anything was wrong.

  --only TEXT       only workloads whose name contains TEXT:
                    ${WORKLOADS.map(({ name }) => name).join(", ")}
  --kind FAULT      only this fault, such as "sync error"; see docs/faults.md
  --form FORM       only this form of calls: sync, promises, late
  --index NUMBER    only the operation with this number
  --once, --ever    only faults that strike once, or only those that last
  --round NUMBER    only this round
  --seed NUMBER     what everything follows from (1, or KVIG_SEED)
  --long            ${LONG_ROUNDS} rounds with other latencies, orders and parts, in which each
                    fault strikes once and for ever; otherwise a third of them does both, the
                    others one of the two in turn, unless --once, --ever or --index chooses
  --cells           print how often each fault struck each role in each phase
  --trace           print the operations of each run; choose one with the options above
  --help            this text
`;

/** Reads the command line. @throws {UsageError} */
export function readCommand(given: readonly string[], seed: string | undefined): Command {
  const command: Command = {
    seed: numberOf("KVIG_SEED", seed ?? "1"),
    rounds: 1,
    only: undefined,
    kind: undefined,
    form: undefined,
    index: undefined,
    ever: undefined,
    round: undefined,
    cells: false,
    trace: false,
    share: undefined,
  };
  const left = [...given];
  const next = (option: string): string => {
    const value = left.shift();
    if (value === undefined) throw new UsageError(`${option} wants a value`);
    return value;
  };
  for (let option = left.shift(); option !== undefined; option = left.shift()) {
    readOption(command, option, next);
  }
  if (command.only !== undefined) checkName(command.only);
  return command;
}

function readOption(command: Command, option: string, next: (option: string) => string): void {
  switch (option) {
    case "--only":
      command.only = next(option);
      break;
    case "--kind":
      command.kind = oneOf(option, next(option), FAULT_KINDS);
      break;
    case "--form":
      command.form = oneOf(option, next(option), FORMS);
      break;
    case "--index":
      command.index = numberOf(option, next(option));
      break;
    case "--once":
    case "--ever":
      command.ever = option === "--ever";
      break;
    case "--round":
      command.round = numberOf(option, next(option));
      break;
    case "--seed":
      command.seed = numberOf(option, next(option));
      break;
    case "--long":
      command.rounds = LONG_ROUNDS;
      break;
    case "--cells":
      command.cells = true;
      break;
    case "--trace":
      command.trace = true;
      break;
    case "--share": {
      const [share, shares] = next(option).split("/").map((part) => numberOf(option, part));
      command.share = [share, shares];
      break;
    }
    default:
      throw new UsageError(`unknown option ${option}; --help lists what there is`);
  }
}

function checkName(only: string): void {
  if (WORKLOADS.some(({ name }) => name.includes(only))) return;
  const names = WORKLOADS.map(({ name }) => name).join(", ");
  throw new UsageError(`--only ${only} names no workload; there are ${names}`);
}

function numberOf(option: string, text: string): number {
  const value = Number(text);
  if (text !== "" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new UsageError(`${option} wants a whole number of at least 0, got "${text}"`);
}

function oneOf<T extends string>(option: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((name) => name === text);
  if (found !== undefined) return found;
  throw new UsageError(`${option} wants one of ${allowed.join(", ")}; got "${text}"`);
}
