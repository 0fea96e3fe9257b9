/**
 * What must be undone however the job ends: by itself, by an error, or by a signal.
 *
 * What is registered is undone in the reverse order, synchronously, once. Undoing must not throw;
 * what it cannot undo it says.
 *
 * @module
 */

import process from "node:process";

const undoings: (() => void)[] = [];
const SIGNALS: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Something that is to be undone. */
export interface Undo {
  /** Undoes it now instead of at the end; again does nothing. */
  now(): void;
  /** Does not undo it any more. */
  forget(): void;
}

/** Registers what must be undone at the end. */
export function atEnd(undo: () => void): Undo {
  undoings.push(undo);
  const take = (): boolean => {
    const index = undoings.indexOf(undo);
    if (index >= 0) undoings.splice(index, 1);
    return index >= 0;
  };
  return {
    now: () => {
      if (take()) undo();
    },
    forget: () => void take(),
  };
}

/** Undoes everything that is left. */
export function undoAll(): void {
  for (let undo = undoings.pop(); undo !== undefined; undo = undoings.pop()) {
    try {
      undo();
    } catch (error) {
      console.error("cleaning up:", error);
    }
  }
}

/** From now on signals end the process with everything undone. */
export function undoOnSignals(): void {
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      console.error(`ended by ${signal}; cleaning up`);
      undoAll();
      process.exit(signal === "SIGINT" ? 130 : 143);
    });
  }
  process.on("exit", undoAll);
}
