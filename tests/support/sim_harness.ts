/**
 * Harnesses for simulated Ios: the suites that test other Ios test the simulator too.
 *
 * @module
 */

import type { Io } from "../../core/io.ts";
import type { Harness } from "../conformance/harness.ts";
import { SimDisk } from "../sim/disk.ts";
import type { Fault, FaultKind, FaultSource, OperationKind } from "../sim/faults.ts";
import { SimIo } from "../sim/io.ts";
import { type Blocking, SimProcess } from "../sim/process.ts";
import type { Random } from "./random.ts";

/** What fails of a disk that fails: whatever is asked for an open file but closing it. */
const FAILING: Readonly<Partial<Record<OperationKind, FaultKind>>> = {
  "batch": "write error",
  "lock": "no locks",
  "read": "read error",
  "sync data": "sync error",
  "sync full": "sync error",
  "truncate": "truncate error",
  "write": "write error",
};

const failingDisk: FaultSource = {
  choose({ kind }): Fault | undefined {
    const fault = FAILING[kind];
    return fault === undefined ? undefined : { kind: fault, code: "KVIG_IO", part: 0 };
  },
};

/** A harness for a simulated Io. */
export function simHarness(random: Random, blocking: Blocking): Harness {
  const make = (more: { disk?: SimDisk; faults?: FaultSource } = {}): SimIo =>
    new SimIo({ seed: random.below(2 ** 32), blocking, startMs: Date.now(), ...more });
  return {
    createIo: () => make(),
    supports: {
      blocking: blocking !== "never",
      locks: true,
      full(capacityBytes) {
        const disk = new SimDisk();
        disk.capacityBytes = capacityBytes;
        return make({ disk });
      },
      failing: () => make({ faults: failingDisk }),
      powerCut(io: Io) {
        if (io instanceof SimProcess) return make({ disk: io.disk.durable() });
        throw new TypeError("the Io is the one that the harness made");
      },
    },
  };
}
