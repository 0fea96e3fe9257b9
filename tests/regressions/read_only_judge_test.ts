/**
 * A file system became read-only under a compaction, whose pages could not be written: the call
 * failed with KVIG_ACCESS, and so did the puts after it that had to write back pages, until one met
 * the log and the store failed as a whole. Nothing was acknowledged and nothing lost, yet the judge
 * of `npm run kernel` wanted the first call after a failure to say KVIG_FAILED. It showed once in
 * seven hundred such deaths.
 *
 * @module
 */

import { test } from "node:test";

import { expectFailed } from "../kernel/ordeal.ts";
import type { LifeEnd } from "../kernel/worker_process.ts";
import { assertThrows } from "../support/assert.ts";

type Said = NonNullable<LifeEnd["failure"]>;

function end(...calls: [call: string, code: string | undefined, outcome?: string][]): LifeEnd {
  const [failure, ...after] = calls.map(([call, code, outcome]) =>
    ({ call, code, outcome, message: "" }) as unknown as Said
  );
  return { failure, after } as unknown as LifeEnd;
}

test("calls on which no commit rests may fail alone before the store does", () => {
  expectFailed(end(
    ["compact", "KVIG_ACCESS"],
    ["put", "KVIG_ACCESS"],
    ["put", "KVIG_ACCESS"],
    ["flush", "KVIG_FAILED", "unknown"],
    ["get", "KVIG_FAILED", "none"],
    ["close", "KVIG_FAILED", "none"],
  ));
});

test("a call that is acknowledged after the failure is noticed, and one of another code", () => {
  assertThrows(() => expectFailed(end(["compact", "KVIG_ACCESS"], ["put", undefined])));
  assertThrows(() => expectFailed(end(["compact", "KVIG_ACCESS"], ["put", "KVIG_IO"])));
  assertThrows(() =>
    expectFailed(
      end(["put", "KVIG_FAILED"], ["put", "KVIG_ACCESS"], ["get", "KVIG_FAILED", "none"]),
    )
  );
});

test("a store that never fails as a whole is noticed", () => {
  assertThrows(() => expectFailed(end(["compact", "KVIG_ACCESS"], ["put", "KVIG_ACCESS"])));
});
