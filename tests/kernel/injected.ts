/**
 * Errors injected into the system calls of a worker by strace, once for each of its threads.
 *
 * @module
 */

import type { Life } from "./life.ts";
import { type Context, everyWay, traceOf, undergo } from "./ordeal.ts";
import { Subject } from "./subject.ts";
import type { LifeEnd } from "./worker_process.ts";

/** What is injected; the number of the call is drawn. */
const INJECTIONS: readonly { call: string; error: string; least: number; most: number }[] = [
  { call: "fdatasync", error: "EIO", least: 1, most: 12 },
  { call: "fdatasync", error: "ENOSPC", least: 2, most: 30 },
  { call: "fsync", error: "EIO", least: 1, most: 6 },
  { call: "pwrite64,write,pwritev,writev", error: "EIO", least: 1, most: 60 },
  { call: "pwrite64,write,pwritev,writev", error: "ENOSPC", least: 1, most: 60 },
];

/** Injects each error into each runtime. */
export async function injected(context: Context): Promise<void> {
  await everyWay(async (runtime, blocking) => {
    for (const injection of INJECTIONS) {
      await inject(context, runtime, blocking, injection);
    }
  });
}

async function inject(
  context: Context,
  runtime: string,
  blocking: boolean,
  { call, error, least, most }: typeof INJECTIONS[number],
): Promise<void> {
  const { arena, random, report } = context;
  const subject = new Subject(`${arena.directory("injected")}/store`, random);
  const trace = traceOf(context, subject)!;
  // A failed write may abort one commit alone: then those after it must not be under way yet.
  const given = call.endsWith("sync") ? {} : { window: 1 };
  const life: Life = subject.draw(random, { blocking, limit: 150, ...given });
  const when = random.between(least, most);
  let met = false;
  await undergo(context, {
    scenario: `injected ${error} into ${call}, number ${when}`,
    runtime,
    subject,
    life,
    trace,
    before: trace.words(`${call}:error=${error}:when=${when}`),
    commits: 0,
    hurt() {},
    heal() {},
    expect(end: LifeEnd) {
      const { failures } = trace.judge(false);
      met = failures > 0;
      if (end.died !== undefined) throw new Error(`the worker died: ${end.died}`);
      if (!met && end.failure !== undefined) throw new Error("it failed without a cause");
    },
  });
  if (met) report.counts.injectedErrors++;
}
