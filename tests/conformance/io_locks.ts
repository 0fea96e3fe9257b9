/**
 * Cases of locks: one exclusive holder or any number of shared ones, whoever they are.
 *
 * @module
 */

import { isKvigError } from "../../core/errors.ts";
import type { IoFile } from "../../core/io.ts";
import { check, checkBytes, checkEqual, checkFails, notProven } from "./check.ts";
import { pattern, readAll, result, writeAll } from "./check.ts";
import type { Case, Place } from "./harness.ts";

const group = "lock";

/** The cases. */
export const lockCases: readonly Case[] = [
  { group, name: "an exclusive one excludes every other opening", work: exclusive },
  { group, name: "shared ones go together and exclude an exclusive one", work: shared },
  { group, name: "ends with close", work: ends },
  { group, name: "does not end when another opening is closed", work: otherClosed },
  { group, name: "does not wait, also when asked to block", work: noWait },
  { group, name: "a refused one holds nothing", work: refused },
  { group, name: "is of the file, however its path is written", work: otherSpelling },
  { group, name: "of one file says nothing of another", work: otherFile },
  { group, name: "fails with KVIG_LOCKED when the name means another file", work: replaced },
  { group, name: "excludes other processes", work: againstElsewhere },
  { group, name: "is refused while another process holds it", work: fromElsewhere },
  { group, name: "shared ones go together across processes", work: sharedElsewhere },
];

type Kind = "exclusive" | "shared";

/** Takes a lock; where none can be had at all, and the harness claims none, that is not proven. */
async function take(place: Place, file: IoFile, kind: Kind): Promise<void> {
  try {
    await result(file.lock(kind));
  } catch (error) {
    if (place.supports.locks === true || !isKvigError(error, "KVIG_UNSUPPORTED")) throw error;
    notProven("no lock can be had: KVIG_UNSUPPORTED");
  }
}

async function refuses(file: IoFile, kind: Kind, what: string): Promise<void> {
  await checkFails(file.lock(kind), "KVIG_LOCKED", `lock(${kind}) ${what}`);
}

async function openSeveral(place: Place, count: number): Promise<IoFile[]> {
  const files: IoFile[] = [];
  for (let index = 0; index < count; index++) files.push(await place.open());
  return files;
}

async function exclusive(place: Place): Promise<void> {
  const [one, other, third] = await openSeveral(place, 3);
  const reader = await place.open(place.path(), { readOnly: true });
  await take(place, one, "exclusive");
  await refuses(other, "exclusive", "while an exclusive one is held");
  await refuses(third, "shared", "while an exclusive one is held");
  await refuses(reader, "shared", "for reading alone while an exclusive one is held");
  await writeAll(one, 0, pattern(100));
  checkBytes(await readAll(one), pattern(100), "the file of the holder");
}

async function shared(place: Place): Promise<void> {
  const [one, other, third] = await openSeveral(place, 3);
  const reader = await place.open(place.path(), { readOnly: true });
  await take(place, one, "shared");
  await take(place, other, "shared");
  await take(place, reader, "shared");
  await refuses(third, "exclusive", "while three shared ones are held");
  await result(one.close());
  await result(reader.close());
  await refuses(third, "exclusive", "while one shared one is held");
  await result(other.close());
  await take(place, third, "exclusive");
}

async function ends(place: Place): Promise<void> {
  for (const kind of ["exclusive", "shared", "exclusive"] as const) {
    const [one, other] = await openSeveral(place, 2);
    await take(place, one, kind);
    await refuses(other, "exclusive", `while a ${kind} one is held`);
    await result(one.close());
    await result(other.lock("exclusive"));
    await result(other.close());
  }
}

async function otherClosed(place: Place): Promise<void> {
  const [one, other, third] = await openSeveral(place, 3);
  await take(place, one, "exclusive");
  await refuses(third, "exclusive", "while an exclusive one is held");
  await result(third.close());
  const reader = await place.open(place.path(), { readOnly: true });
  await readAll(reader);
  await result(reader.close());
  await refuses(other, "exclusive", "after other openings were closed");
}

async function noWait(place: Place): Promise<void> {
  const [one, other] = await openSeveral(place, 2);
  await take(place, one, "exclusive");
  for (const options of [{}, { blocking: true }, { blocking: false }]) {
    const future = other.lock("exclusive", options);
    await checkFails(future, "KVIG_LOCKED", "lock() while an exclusive one is held");
  }
}

async function refused(place: Place): Promise<void> {
  const [one, other, third] = await openSeveral(place, 3);
  await take(place, one, "shared");
  await refuses(other, "exclusive", "while a shared one is held");
  await take(place, third, "shared");
  await result(third.close());
  await result(one.close());
  const fourth = await place.open();
  await result(fourth.lock("exclusive"));
  await refuses(other, "exclusive", "while an exclusive one is held");
  await result(fourth.close());
  await result(other.lock("exclusive"));
}

async function otherSpelling(place: Place): Promise<void> {
  await place.need("makeDirectory")(place.path("below"));
  const one = await place.open();
  const other = await place.open(place.path("below/../data"), {});
  await take(place, one, "exclusive");
  await refuses(other, "exclusive", "of the same file by another path");
}

async function otherFile(place: Place): Promise<void> {
  const [one, other] = [await place.open(place.path("one")), await place.open(place.path("other"))];
  await take(place, one, "exclusive");
  await take(place, other, "exclusive");
  await result(one.close());
  const again = await place.open(place.path("other"));
  await refuses(again, "shared", "while an exclusive one is held");
}

async function replaced(place: Place): Promise<void> {
  const old = await place.open();
  const probe = await place.open(place.path("probe"));
  await take(place, probe, "exclusive");
  await result(place.io.remove(place.path()));
  await refuses(old, "exclusive", "of a file whose name was removed");
  const fresh = await place.open();
  await refuses(old, "shared", "of a file whose name means another one");
  await result(fresh.lock("exclusive"));
}

async function againstElsewhere(place: Place): Promise<void> {
  const openElsewhere = place.need("openElsewhere");
  const file = await place.open();
  await take(place, file, "exclusive");
  for (const kind of ["exclusive", "shared"] as const) {
    const elsewhere = await openElsewhere(place.path(), kind);
    await elsewhere.close();
    checkEqual(elsewhere.held, false, `whether another process got a ${kind} lock as well`);
  }
  await result(file.close());
  const elsewhere = await openElsewhere(place.path(), "exclusive");
  await elsewhere.close();
  checkEqual(elsewhere.held, true, "whether another process got the lock after close");
}

async function fromElsewhere(place: Place): Promise<void> {
  const openElsewhere = place.need("openElsewhere");
  const file = await place.open();
  await take(place, await place.open(place.path("probe")), "exclusive");
  const elsewhere = await openElsewhere(place.path(), "exclusive");
  try {
    check(elsewhere.held, "a lock of a free file from another process: expected it to be held");
    await refuses(file, "exclusive", "while another process holds it");
    await refuses(file, "shared", "while another process holds it");
  } finally {
    await elsewhere.close();
  }
  await take(place, file, "exclusive");
}

async function sharedElsewhere(place: Place): Promise<void> {
  const openElsewhere = place.need("openElsewhere");
  const [file, other] = await openSeveral(place, 2);
  await take(place, file, "shared");
  const elsewhere = await openElsewhere(place.path(), "shared");
  try {
    check(elsewhere.held, "a shared lock beside another: expected it to be held elsewhere");
    await result(file.close());
    await refuses(other, "exclusive", "while another process holds a shared one");
    await take(place, other, "shared");
  } finally {
    await elsewhere.close();
  }
}
