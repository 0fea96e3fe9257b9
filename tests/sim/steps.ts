/**
 * Steps of a life that are one call of the store, or none: who carries out which.
 *
 * @module
 */

import type { LifeContext } from "./context.ts";
import type { Step } from "./plan.ts";
import { closeSnapshot, endIteration, get, getMany, iterate, iterateOn } from "./reads.ts";
import { openSnapshot, readEnds, readRange, readSnapshot } from "./reads.ts";
import { backup, compact, secure, verify } from "./upkeep.ts";
import { batch, clear, put, remove, transact } from "./writes.ts";

/** Makes the call of a step; returns false where the step is another one, and does nothing then. */
export function makeCall(life: LifeContext, step: Step): boolean {
  switch (step.do) {
    case "put":
      put(life, step);
      break;
    case "delete":
      remove(life, step);
      break;
    case "batch":
      batch(life, step);
      break;
    case "clear":
      clear(life, step);
      break;
    case "transaction":
      transact(life, step);
      break;
    case "flush":
    case "checkpoint":
      secure(life, step, step.do);
      break;
    case "compact":
      compact(life, step);
      break;
    case "verify":
      verify(life, step);
      break;
    case "backup":
      backup(life, step);
      break;
    default:
      return makeReading(life, step);
  }
  return true;
}

function makeReading(life: LifeContext, step: Step): boolean {
  switch (step.do) {
    case "get":
    case "has":
    case "getInto":
      get(life, step);
      break;
    case "getMany":
      getMany(life, step);
      break;
    case "range":
    case "cursor":
    case "count":
      readRange(life, step);
      break;
    case "ends":
      readEnds(life, step);
      break;
    case "snapshot":
      openSnapshot(life);
      break;
    case "read snapshot":
      readSnapshot(life, step);
      break;
    case "close snapshot":
      closeSnapshot(life);
      break;
    case "iterate":
      iterate(life, step);
      break;
    case "iterate on":
      iterateOn(life, step);
      break;
    case "end iteration":
      endIteration(life);
      break;
    case "wait":
      break;
    default:
      return false;
  }
  return true;
}
