/**
 * Opening a store: after it was closed, and after its process was killed with a log nearly full.
 * A process of its own each time; the first answer counts into it.
 *
 * @module
 */

import process from "node:process";

import { assertSame } from "../dataset.ts";
import type { Engine } from "../engine.ts";
import type { Part } from "../part.ts";
import type { Session } from "../session.ts";
import { BATCH, fill, fillInBatches, inOrder } from "./filling.ts";

const STORE = "openings";
/** The log is merged when half of it is used: written to that mark, it is as full as it gets. */
const FULL_SHARE = 0.48;

const OTHER_LOG_BYTES = 16 * 2 ** 20;

/** Openings. */
export const OPENINGS: Part = {
  id: "openings",
  what: "opening, with the first answer",
  works: [
    { id: "open-closed", what: "opening after a clean close", unit: "opening" },
    { id: "open-killed", what: "opening after a kill with a full log", unit: "opening" },
  ],
  steps: ["fill", "open-closed", "kill", "open-killed"],
  async run(session) {
    const { step } = session.job;
    if (step === "fill") {
      const engine = await session.open(STORE);
      await fillInBatches(engine, session.data, inOrder(session.data));
      await engine.close();
    } else if (step === "kill") {
      const engine = await session.open(STORE);
      await fillLog(session, engine);
      process.kill(process.pid, "SIGKILL");
    } else {
      await measureOpening(session, step);
    }
  },
};

/** Overwrites until the log is full, or as much as kvig's log takes where there is no figure. */
async function fillLog({ data, job }: Session, engine: Engine): Promise<void> {
  const entryBytes = data.shape.keyBytes + data.valueBytes + 20;
  const most = job.logBytes * FULL_SHARE / entryBytes;
  for (let done = 0, version = 1; done < most; version++) {
    for (let at = 0; at < data.entries && done < most; at += BATCH, done += BATCH) {
      if ((engine.logShare?.() ?? 0) > FULL_SHARE) return;
      await fill(engine, data, data.readings.subarray(at, at + BATCH), version);
    }
  }
}

async function measureOpening(session: Session, work: string): Promise<void> {
  const { data } = session;
  // Loading the code does not count, which opening another store sees to.
  const other = await session.open("other", { logBytes: OTHER_LOG_BYTES });
  await fill(other, data, inOrder(data).subarray(0, BATCH));
  await other.close();
  const begun = performance.now();
  const engine = await session.open(STORE);
  const key = data.key(7);
  const found = engine.get === undefined ? await engine.getAwaited?.(key) : engine.get(key);
  const milliseconds = performance.now() - begun;
  if (found === undefined) throw new Error("an entry is missing");
  if (work === "open-closed") assertSame(found, data.value(7));
  if (session.wants(work)) session.noteTime(work, milliseconds, 1);
  await engine.close();
}
