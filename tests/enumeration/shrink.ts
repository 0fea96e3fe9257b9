/**
 * Makes a violation smaller, and writes it down: for people, and as a test.
 *
 * @module
 */

import type { CrashCase, Violation } from "./crash_case.ts";
import type { Cut } from "./cut.ts";
import { Explorer } from "./explorer.ts";
import { replayCrash } from "./replay.ts";

/** The same violation, or a like one, with fewer shapes before it and with less lost. */
export function shrink(violation: Violation, recoveryOneIn: number): Violation {
  const shorter = shorten(violation, recoveryOneIn);
  const crash = simplify(shorter.crash);
  return { ...shorter, crash, complaint: replayCrash(crash) };
}

/** Leaves shapes out, as long as there is something wrong without them. */
function shorten(violation: Violation, recoveryOneIn: number): Violation {
  const { seed, workload } = violation.crash;
  for (let i = 0; i < workload.length - 1; i++) {
    const explorer = new Explorer({ seed, recoveryOneIn });
    const fewer = workload.filter((_, j) => j !== i);
    let found: Violation | undefined = undefined;
    try {
      found = explorer.explore(fewer);
    } catch (error) {
      // Without that shape another one cannot do what its name says.
      if (!(error instanceof Error) || !error.message.includes("that was no")) throw error;
    }
    if (found !== undefined) return shorten(found, recoveryOneIn);
  }
  return violation;
}

/** Keeps more, as long as there is something wrong. */
function simplify(crash: CrashCase): CrashCase {
  for (const simpler of simplerCrashes(crash)) {
    if (replayCrash(simpler) !== "") return simplify(simpler);
  }
  return crash;
}

function* simplerCrashes(crash: CrashCase): Iterable<CrashCase> {
  const { recoveries = [] } = crash;
  for (let end = 0; end < recoveries.length; end++) {
    yield { ...crash, recoveries: recoveries.slice(0, end) };
  }
  for (const cut of simplerCuts(crash.cut)) yield { ...crash, cut };
  for (let i = 0; i < recoveries.length; i++) {
    for (const cut of simplerCuts(recoveries[i].cut)) {
      yield { ...crash, recoveries: recoveries.with(i, { ...recoveries[i], cut }) };
    }
  }
}

function* simplerCuts(cut: Cut): Iterable<Cut> {
  const { kept, tear, sizeOf, size, fill, missing = [], back = [] } = cut;
  const names = missing.length + back.length > 0 ? { missing, back } : {};
  const sized = sizeOf === undefined ? {} : { sizeOf, size: size! };
  const torn = tear === undefined ? {} : { tear };
  const filled = fill === undefined || fill === "zeros" ? {} : { fill };
  if (tear !== undefined) yield { kept, ...sized, ...filled, ...names };
  if (missing.length + back.length > 0) yield { kept, ...torn, ...sized, ...filled };
  if (sizeOf !== undefined) yield { kept, ...torn, ...filled, ...names };
  if (fill !== undefined) yield { kept, ...torn, ...sized, ...names };
  for (let i = 0; i < kept.length; i++) {
    if (kept[i] === "1") continue;
    const more = `${kept.slice(0, i)}1${kept.slice(i + 1)}`;
    yield { kept: more, ...torn, ...sized, ...filled, ...names };
  }
}

/** What people want to know of a violation, with a test that fails while it is there. */
export function report(violation: Violation, commit: string): string {
  const { crash, complaint, words, pending } = violation;
  const { seed, profile, workload, step, cut, recoveries = [] } = crash;
  const name = workload.length === 0 ? "creation of a store" : workload.join(", ");
  const last = recoveries.at(-1)?.cut ?? cut;
  const lines = [
    `VIOLATION: ${complaint}`,
    `seed ${seed}, commit ${commit}, profile ${profile}`,
    `workload: ${name}`,
    `power went at step ${step}${recoveries.length > 0 ? " and in the recovery" : ""}, ${words}`,
    ...pending.map((what, i) => `  ${i} ${fateOf(last, i)}: ${what}`),
    `as a test:`,
    "",
    `test("after ${name} a power cut leaves a store that opens", () => {`,
    `  assertEquals(replayCrash(${literalOf(crash)}), "");`,
    `});`,
    "",
  ];
  return lines.join("\n");
}

/** The crash as source text. */
function literalOf(crash: CrashCase): string {
  const { recoveries = [], ...first } = crash;
  const data = recoveries.length > 0 ? crash : first;
  return JSON.stringify(data, undefined, 2).replace(/"(\w+)":/g, "$1:").replaceAll("\n", "\n  ");
}

function fateOf(cut: Cut, index: number): string {
  if (cut.tear?.mutation === index) {
    const { shape, sector, byte } = cut.tear;
    return `torn, ${shape} ${sector}${byte === undefined ? "" : ` byte ${byte}`}`;
  }
  return cut.kept[index] === "1" ? "kept" : "lost";
}
