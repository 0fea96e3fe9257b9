/**
 * A share of the damage matrix (`npm run damage` does all of it), and when an older meta page may
 * be opened with.
 *
 * @module
 */

import { test } from "node:test";

import { isKvigError } from "../../core/errors.ts";
import { openTinySync } from "../sim/tiny_store.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { groupsOf, metasOf, newestMeta, newestSlot } from "../support/image.ts";
import { ImageIo } from "../support/image_io.ts";
import { fullLength } from "../support/runtime.ts";
import {
  addTally,
  carryOut,
  casesIn,
  judgeOf,
  nameOf,
  piecesOf,
  SUBJECTS,
  type Tally,
} from "./plan.ts";
import { DATA, LOG } from "./subject.ts";

// A number that shares no factor with the sizes: every byte of a page gets its turn.
const SHARE = fullLength ? 401 : 1009;

for (const subject of Object.keys(SUBJECTS)) {
  test(`damage to the store ${subject} is never served`, { timeout: 300_000 }, () => {
    const all: Tally = {};
    for (const piece of piecesOf(SHARE, [subject])) {
      let at = 0;
      const { tally, violations } = carryOut(piece, (step) => at = step);
      const last = nameOf(subject, { kind: piece.kind, file: piece.file, index: at });
      assertEquals(violations, [], `npm run damage -- --case NAME (the last was ${last})`);
      addTally(all, tally);
    }
    console.log(`${subject}: ${casesIn(all)} cases, ${JSON.stringify(all)}`);
    assert((all.right ?? 0) > 0 && (all.refused ?? 0) > 0, "both kinds were met");
  });
}

for (const subject of ["closed-512", "killed-512"]) {
  test(`the data file of ${subject} has 64 KiB with everything in it`, () => {
    const { images, older } = judgeOf(subject).subject;
    const data = images[DATA];
    assertEquals(data.length, 64 * 1024);
    assertEquals(metasOf(data).every((meta) => meta !== undefined), true);
    const { state, position, logBytes, logBlockBytes } = newestMeta(data);
    assert(state.freePage !== 0 && state.usedPages > 20, "there is a map");
    assert(position > logBytes / logBlockBytes, "the log went round");
    assert(older[DATA].filter((versions) => versions.length > 1).length > 4, "places were reused");
  });
}

/** A running store whose newest meta page the log proves, and how. */
function provenStore(how: "salt" | "position"): ImageIo {
  const io = new ImageIo(7);
  const options = { logSize: 32 * 512 };
  let store = openTinySync(io, DATA, options);
  store.putSync("first", "1");
  if (how === "salt") {
    store.closeSync();
    store = openTinySync(io, DATA, options);
    store.putSync("second", "2");
    return io;
  }
  // Until the groups behind the newest meta page stand where those behind the older one stood.
  for (let i = 0; i < 1000; i++) {
    store.putSync(`key ${i % 10}`, "value".repeat(i % 7));
    const data = io.file(DATA).bytes();
    const positions = metasOf(data).map((meta) => meta!.position);
    const groups = groupsOf(io.file(LOG).bytes(), newestMeta(data));
    const head = Math.max(...positions) + groups.length;
    if (head > Math.min(...positions) + 32) return io;
  }
  throw new Error("the log never went over the older meta page's position");
}

for (const how of ["salt", "position"] as const) {
  test(`a lost meta page is not replaced by one that the ${how} of a block proves older`, () => {
    const io = provenStore(how);
    const slot = newestSlot(io.file(DATA).bytes());
    io.file(DATA).flip((slot * 512 + 90) * 8);
    for (const readOnly of [false, true]) {
      try {
        openTinySync(io, DATA, { readOnly });
        throw new Error("it was opened");
      } catch (error) {
        assert(isKvigError(error, "KVIG_CORRUPT"), String(error));
        assertEquals([error.file, error.position !== undefined], [LOG, true]);
      }
    }
  });
}

test("a damaged meta page is replaced by the other one where nothing is older in it", () => {
  for (const subject of Object.keys(SUBJECTS)) {
    const judge = judgeOf(subject);
    const { pageBytes } = judge.subject;
    for (const slot of [0, 1]) {
      for (let byte = 0; byte < 512; byte += 5) {
        judge.io.restore();
        judge.io.file(DATA).flip((slot * pageBytes + byte) * 8 + byte % 8);
        const reading = { readOnly: byte % 2 === 1, first: byte % 4, brief: false };
        const { outcome, what } = judge.judge({ file: DATA, units: [slot] }, reading);
        assertEquals(outcome, "right", `${subject}, byte ${byte} of slot ${slot}: ${what}`);
      }
    }
  }
});
