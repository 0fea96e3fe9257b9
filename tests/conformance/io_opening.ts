/**
 * Cases of opening: what is created, what is refused, what an open file says of itself.
 *
 * @module
 */

import { type IoOpenOptions, WriteBatch } from "../../core/io.ts";
import {
  check,
  checkBytes,
  checkEqual,
  checkFails,
  pattern,
  readAll,
  result,
  writeAll,
} from "./check.ts";
import type { Case, Place } from "./harness.ts";

const group = "open";

/** The cases. */
export const openingCases: readonly Case[] = [
  { group, name: "without create nothing is made: KVIG_NOT_FOUND", work: withoutCreate },
  { group, name: "with create a file is made, or the one that is there opened", work: create },
  { group, name: "exclusive with create wants a new name: KVIG_EXISTS", work: exclusive },
  { group, name: "exclusive without create means nothing", work: exclusiveAlone },
  { group, name: "path and size are those of the opened file", work: pathAndSize },
  { group, name: "two openings are of the same file", work: twoOpenings },
  { group, name: "readOnly reads, and refuses writes with KVIG_READ_ONLY", work: readOnly },
  { group, name: "a symbolic link is refused with KVIG_ACCESS", work: symbolicLink },
  { group, name: "a symbolic link to nothing is refused, and nothing is made", work: danglingLink },
  { group, name: "a directory is refused with KVIG_ACCESS", work: directory },
  { group, name: "what is no regular file is refused with KVIG_ACCESS", work: special },
  { group, name: "a path through no directory is KVIG_NOT_FOUND", work: missingDirectory },
  { group, name: "mode sets the permission bits of a new file, 0o600 by default", work: mode },
];

async function withoutCreate(place: Place): Promise<void> {
  const { io } = place;
  const ways: IoOpenOptions[] = [{}, { readOnly: true }, { exclusive: true }, { create: false }];
  for (const way of ways) {
    await checkFails(io.open(place.path(), way), "KVIG_NOT_FOUND", "open() of a missing file");
  }
  await checkFails(io.open(place.path()), "KVIG_NOT_FOUND", "open() without options");
}

async function create(place: Place): Promise<void> {
  const file = await place.open();
  checkEqual(file.size, 0, "size of a new file");
  await writeAll(file, 0, pattern(100));
  await result(file.close());
  const again = await place.open();
  checkBytes(await readAll(again), pattern(100), "the file that was there, opened with create");
}

async function exclusive(place: Place): Promise<void> {
  const options = { create: true, exclusive: true };
  const file = await place.open(place.path(), options);
  await writeAll(file, 0, pattern(10));
  for (const way of [options, { ...options, readOnly: true }]) {
    const what = "open() with exclusive of a name that exists";
    await checkFails(place.io.open(place.path(), way), "KVIG_EXISTS", what);
  }
  checkBytes(await readAll(file), pattern(10), "the file whose name was wanted");
  await place.open(place.path("other"), options);
}

async function exclusiveAlone(place: Place): Promise<void> {
  await place.open();
  await place.open(place.path(), { exclusive: true });
}

async function pathAndSize(place: Place): Promise<void> {
  const file = await place.open();
  checkEqual(file.path, place.path(), "path");
  checkEqual(typeof file.direct, "boolean", "type of direct");
  await writeAll(file, 0, pattern(5001));
  await result(file.close());
  for (const options of [{}, { create: true }, { readOnly: true }]) {
    const again = await place.open(place.path(), options);
    checkEqual(again.path, place.path(), "path");
    checkEqual(again.size, 5001, "size at opening");
  }
}

async function twoOpenings(place: Place): Promise<void> {
  const one = await place.open();
  await writeAll(one, 0, pattern(5000));
  const other = await place.open(place.path(), {});
  checkBytes(await readAll(other), pattern(5000), "what the first opening wrote");
  await writeAll(other, 1000, pattern(100, 9));
  const expected = pattern(5000);
  expected.set(pattern(100, 9), 1000);
  checkBytes(await readAll(one), expected, "what both openings wrote");
  await result(one.close());
  checkBytes(await readAll(other), expected, "read after the other opening was closed");
  const separate = await place.open(place.path("separate"));
  checkEqual(separate.size, 0, "size of another file");
}

async function readOnly(place: Place): Promise<void> {
  const file = await place.open();
  await writeAll(file, 0, pattern(1000));
  const reader = await place.open(place.path(), { readOnly: true });
  checkBytes(await readAll(reader), pattern(1000), "read from a file opened read-only");
  const batch = new WriteBatch(pattern(100, 5), 1);
  batch.add(0, 0, 100);
  const refused = "KVIG_READ_ONLY";
  await checkFails(reader.write(0, batch.memory, 0, 100), refused, "write()");
  await checkFails(reader.write(1000, batch.memory, 0, 100), refused, "write() that grows");
  await checkFails(reader.writeBatch(batch), refused, "writeBatch()");
  await checkFails(reader.truncate(20), refused, "truncate()");
  await checkFails(reader.truncate(2000), refused, "truncate() that grows");
  checkBytes(await readAll(file), pattern(1000), "the file after refused writes");
  checkEqual(reader.size, 1000, "size after refused writes");
}

async function symbolicLink(place: Place): Promise<void> {
  const makeLink = place.need("symbolicLink");
  const file = await place.open(place.path("target"));
  await writeAll(file, 0, pattern(10));
  await makeLink(place.path("target"), place.path("link"));
  const ways = [{}, { create: true }, { readOnly: true }, { create: true, direct: true }];
  for (const way of ways) {
    const what = "open() of a symbolic link";
    await checkFails(place.io.open(place.path("link"), way), "KVIG_ACCESS", what);
  }
  checkBytes(await readAll(file), pattern(10), "what the link leads to");
}

async function danglingLink(place: Place): Promise<void> {
  const makeLink = place.need("symbolicLink");
  await makeLink(place.path("nothing"), place.path("link"));
  const what = "open() of a symbolic link to nothing";
  await checkFails(place.io.open(place.path("link"), { create: true }), "KVIG_ACCESS", what);
  const made = place.io.open(place.path("nothing"));
  await checkFails(made, "KVIG_NOT_FOUND", "what the link leads to");
}

async function directory(place: Place): Promise<void> {
  await place.need("makeDirectory")(place.path("directory"));
  for (const way of [{}, { create: true }, { readOnly: true }]) {
    const what = "open() of a directory";
    await checkFails(place.io.open(place.path("directory"), way), "KVIG_ACCESS", what);
  }
}

async function special(place: Place): Promise<void> {
  await place.need("makeSpecial")(place.path("special"));
  for (const way of [{}, { create: true }, { readOnly: true }]) {
    const what = "open() of what is no regular file";
    await checkFails(place.io.open(place.path("special"), way), "KVIG_ACCESS", what);
  }
}

async function missingDirectory(place: Place): Promise<void> {
  const { io } = place;
  place.need("makeDirectory");
  await place.open();
  for (const path of [place.path("missing/data"), place.path("data/below")]) {
    await checkFails(io.open(path), "KVIG_NOT_FOUND", "open() below no directory");
    const made = io.open(path, { create: true });
    await checkFails(made, "KVIG_NOT_FOUND", "open() with create below no directory");
    await checkFails(io.remove(path), "KVIG_NOT_FOUND", "remove() below no directory");
    await checkFails(io.syncDirectory(path), "KVIG_NOT_FOUND", "syncDirectory() of none");
  }
}

async function mode(place: Place): Promise<void> {
  const modeOf = place.need("modeOf");
  const bits = (name: string) => modeOf(place.path(name));
  await place.open(place.path("usual"));
  checkEqual((await bits("usual")) & 0o777, 0o600, "permission bits by default");
  await place.open(place.path("narrow"), { create: true, mode: 0o400 });
  checkEqual((await bits("narrow")) & 0o777, 0o400, "permission bits with mode 0o400");
  await place.open(place.path("wide"), { create: true, mode: 0o644 });
  const wide = (await bits("wide")) & 0o777;
  // The process may be told to leave out what is for others.
  const fits = (wide & 0o600) === 0o600 && (wide & ~0o644) === 0;
  check(fits, `permission bits with mode 0o644: expected those or fewer, got ${wide.toString(8)}`);
}
