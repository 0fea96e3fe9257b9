/**
 * A log of events that is asked by time. Keys are moments as ISO 8601 writes them, and as text
 * these sort by time: a day is a prefix, an hour is a longer one, a week is a range.
 *
 * @module
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Codec, json, open, utf8 } from "kvig";

interface Event {
  sensor: string;
  celsius: number;
}

const SENSORS = ["attic", "cellar", "garden", "kitchen"];
const MINUTES_A_DAY = 24 * 60;
const DAYS = 10;

/** What the sensors say in one minute of the year. */
function measure(minute: number): { key: string; value: Event }[] {
  // One moment has several events: a number behind the time keeps their keys apart.
  const time = new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
  const warmth = 8 + 6 * Math.sin((minute / MINUTES_A_DAY - 0.3) * 2 * Math.PI);
  return SENSORS.map((sensor, number) => ({
    key: `${time}/${number}`,
    value: { sensor, celsius: Math.round(10 * (warmth + 4 * number)) / 10 },
  }));
}

const directory = await mkdtemp(join(tmpdir(), "kvig-events-"));
try {
  await using log = await open(join(directory, "events"), {
    key: utf8,
    value: json as Codec<Event>,
  });

  // A batch is written whole or not at all, with one sync for all of it: one batch a day.
  const started = performance.now();
  for (let day = 0; day < DAYS; day++) {
    const minutes = Array.from({ length: MINUTES_A_DAY }, (_, i) => day * MINUTES_A_DAY + i);
    await log.batch(minutes.flatMap(measure).map((event) => ({ type: "put", ...event })));
  }
  const tookMs = Math.round(performance.now() - started);
  console.log(`Logged ${await log.count()} events of ${DAYS} days in ${tookMs} ms.`);

  console.log("\nThe last three, newest first:");
  for await (const [key, { sensor, celsius }] of log.range({ reverse: true, limit: 3 })) {
    console.log(`  ${key}  ${sensor.padEnd(7)} ${celsius.toFixed(1)} °C`);
  }

  const noon = await log.count({ prefix: "2026-01-05T12" });
  console.log(`\nBetween noon and one on January 5th there are ${noon} events.`);

  let highest = { key: "", celsius: -Infinity };
  for await (const [key, event] of log.range({ gte: "2026-01-03", lt: "2026-01-06" })) {
    if (event.celsius > highest.celsius) highest = { key, celsius: event.celsius };
  }
  console.log(
    `Of three days the warmest were ${highest.celsius} °C at ${highest.key.slice(0, 16)}.`,
  );

  // A snapshot stands still, whatever is written meanwhile.
  using past = log.snapshot();
  const cleared = await log.clear({ lt: "2026-01-08" });
  const first = (await log.first())![0].slice(0, 10);
  console.log(`\nForgot ${cleared} events: the log now begins with ${first},`);
  console.log(`but the snapshot from before still has all ${await past.count()}.`);
  if (cleared !== 7 * MINUTES_A_DAY * SENSORS.length) throw new Error("a week has seven days");
} finally {
  await rm(directory, { recursive: true });
}
