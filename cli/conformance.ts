/**
 * Running the conformance suite for `kvig conformance`.
 *
 * @module
 */

import {
  allCases,
  type ConformanceReport,
  type ConformanceResult,
  formatReport,
  runConformance,
} from "../tests/conformance/report.ts";
import { harnessFor, heldLock, loadAdapter } from "./adapter_module.ts";
import type { Call } from "./command.ts";
import { EXIT_FAILED, EXIT_OK } from "./exit_codes.ts";
import { Interrupted, UsageError } from "./failures.ts";
import { showCount, showMany, showSeconds, showShare } from "./measures.ts";
import { quoted } from "./notation.ts";

/** Tests the adapter that a call names; returns the exit code. */
export async function testAdapter({ given, output, progress, signal }: Call): Promise<number> {
  const [path = ""] = given.operands;
  if (await heldLock(path)) return EXIT_OK;
  const only = given.text("only") ?? "";
  const cases = allCases.filter(({ group, name }) => `${group}: ${name}`.includes(only));
  if (cases.length === 0) {
    throw new UsageError(`--only takes a part of the name of a case, got ${quoted(only)}`);
  }
  const start = performance.now();
  const report = await runConformance(await harnessFor(path, await loadAdapter(path)), {
    cases,
    signal,
    onCase: ({ group, name }, index, count) =>
      progress.show(() =>
        `conformance: ${showCount(index)} of ${showMany(count, "case", "cases")}` +
        `${showShare(index, count)}: ${group}: ${name}`
      ),
  });
  progress.clear();
  if (given.has("json")) await output.write(`${JSON.stringify(plain(report))}\n`);
  else await output.write(formatReport(report, { passed: !given.has("short") }));
  await output.flush();
  if (signal.aborted) throw new Interrupted("interrupted");
  const time = showSeconds(performance.now() - start);
  progress.end(`ran ${showMany(report.results.length, "case", "cases")} in ${time}`);
  return report.failed === 0 ? EXIT_OK : EXIT_FAILED;
}

/** The report with its errors as text. */
function plain(report: ConformanceReport): unknown {
  const results = report.results.map(({ error, ...rest }: ConformanceResult) => {
    if (error === undefined) return rest;
    return { ...rest, why: error instanceof Error ? error.message : String(error) };
  });
  return { ...report, results };
}
