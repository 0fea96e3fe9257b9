/**
 * One fault of a sweep: at which operation it strikes, once or from there on for ever.
 *
 * @module
 */

import type { IoErrorCode } from "../../core/io.ts";
import {
  canHappen,
  type Fault,
  type FaultKind,
  type FaultSource,
  type SimOperation,
} from "../sim/faults.ts";

/** What is injected into one run. */
export interface Injection {
  /** Which fault. */
  readonly kind: FaultKind;
  /** Number of the operation that it strikes first. */
  readonly index: number;
  /** Whether it strikes every later operation of the same file too that it can happen to. */
  readonly ever: boolean;
  /** Which sector, bit or part. */
  readonly part: number;
  /** The code of the error, where the fault has several. */
  readonly code?: IoErrorCode;
}

/** Lets one injection happen, until it is over. */
export class Striker implements FaultSource {
  /** The operations that were struck. */
  readonly struck: SimOperation[] = [];
  /** Whether nothing strikes any more. */
  over = false;
  /** What is injected; undefined for a run in which nothing goes wrong. */
  readonly injection: Injection | undefined;
  readonly #fault: Fault | undefined;

  /** For one run. */
  constructor(injection: Injection | undefined) {
    this.injection = injection;
    if (injection === undefined) return;
    const { kind, part, code } = injection;
    this.#fault = code === undefined ? { kind, part } : { kind, part, code };
  }

  /** The fault, where it strikes. */
  choose(operation: SimOperation): Fault | undefined {
    const { injection } = this;
    if (this.over || injection === undefined || !this.#strikes(operation, injection)) {
      return undefined;
    }
    this.struck.push(operation);
    return this.#fault;
  }

  #strikes(operation: SimOperation, { kind, index, ever }: Injection): boolean {
    if (operation.number === index) return true;
    const [first] = this.struck;
    return ever && first !== undefined && operation.path === first.path &&
      canHappen(kind, operation);
  }
}
