/**
 * Cases of names: removing them, and fixing them in their directory.
 *
 * @module
 */

import { checkBytes, checkFails, pattern, readAll, result, writeAll } from "./check.ts";
import type { Case, Place } from "./harness.ts";

/** The cases. */
export const nameCases: readonly Case[] = [
  { group: "remove", name: "the name is gone afterwards", work: removed },
  { group: "remove", name: "without such a name it is KVIG_NOT_FOUND", work: missing },
  { group: "remove", name: "a directory is refused with KVIG_ACCESS", work: directory },
  { group: "remove", name: "an open file stays usable", work: openFile },
  { group: "syncDirectory", name: "works for any path in a directory", work: syncDirectory },
];

async function removed(place: Place): Promise<void> {
  const { io } = place;
  const other = await place.open(place.path("other"));
  await writeAll(other, 0, pattern(10));
  const file = await place.open();
  await writeAll(file, 0, pattern(10));
  await result(file.close());
  await result(io.remove(place.path()));
  await checkFails(io.open(place.path()), "KVIG_NOT_FOUND", "open() of a removed name");
  const again = await place.open(place.path(), { create: true, exclusive: true });
  checkBytes(await readAll(again), new Uint8Array(0), "a new file of the same name");
  checkBytes(await readAll(other), pattern(10), "another file");
}

async function missing(place: Place): Promise<void> {
  const { io } = place;
  await checkFails(io.remove(place.path()), "KVIG_NOT_FOUND", "remove() of a missing name");
  await place.open();
  await result(io.remove(place.path()));
  await checkFails(io.remove(place.path()), "KVIG_NOT_FOUND", "remove() of a removed name");
}

async function directory(place: Place): Promise<void> {
  await place.need("makeDirectory")(place.path("directory"));
  const what = "remove() of a directory";
  await checkFails(place.io.remove(place.path("directory")), "KVIG_ACCESS", what);
}

async function openFile(place: Place): Promise<void> {
  const file = await place.open();
  await writeAll(file, 0, pattern(1000));
  await result(place.io.remove(place.path()));
  checkBytes(await readAll(file), pattern(1000), "an open file whose name was removed");
  await writeAll(file, 1000, pattern(10));
  const again = await place.open();
  checkBytes(await readAll(again), new Uint8Array(0), "a new file of the same name");
}

async function syncDirectory(place: Place): Promise<void> {
  const { io } = place;
  const file = await place.open();
  await result(io.syncDirectory(place.path()));
  await writeAll(file, 0, pattern(10));
  await result(io.remove(place.path()));
  await result(io.syncDirectory(place.path()));
  await result(io.syncDirectory(place.path("never made")));
}
