/**
 * The rules of creation: its order, what counts as half-created, and which files are refused with
 * which code.
 *
 * @module
 */

import { openSync } from "../support/runtime.ts";
import { KvigError } from "../../core/errors.ts";
import { assert, assertEquals, assertNotEquals, assertThrows } from "../support/assert.ts";
import { groupsOf, metasOf, newestMeta } from "../support/image.ts";
import { type Image, type Operation, RecordingIo } from "../support/recording_io.ts";
import { cutsOf, isChange, isSync, PAGE } from "../support/stages.ts";
import {
  changed,
  contentsOf,
  entriesOf,
  fill,
  finish,
  LOG,
  PATH,
  refusal,
  rule,
  SMALL,
  watch,
  without,
  words,
} from "../support/watched.ts";

const LOG_BYTES = 1024 * 1024;
const BLANK = new Uint8Array(LOG_BYTES);
const NONE = new Uint8Array(0);

const files = (data: Uint8Array | undefined, log: Uint8Array | undefined): Image => {
  const image = new Map<string, Uint8Array>();
  if (data !== undefined) image.set(PATH, data);
  if (log !== undefined) image.set(LOG, log);
  return image;
};

/** Bytes that are no page of a store. */
const noise = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 131 + (i >>> 8) * 17 + 7) & 255);

/** The files of a store with groups in its log, as a kill leaves them. */
function killed(idByte = 1): Image {
  const it = watch({ idByte });
  fill(it.store, 20);
  it.store.putSync("key", "v");
  const image = it.io.killed();
  finish(it);
  return image;
}

/** Opens files that must be made into a new store, which is empty and works. */
function assertMadeAnew(image: Image, what: string): void {
  const it = watch({ image });
  assertEquals(it.store.countSync(), 0, what);
  it.store.putSync("key", "value");
  assertEquals(contentsOf(it.io.powerCut()), { key: "value" }, what);
  finish(it);
}

/** Opens files that must be refused with `code`, and stay as they are. */
function assertRefused(image: Image, code: string, what: string): void {
  assertEquals(refusal(image).code, code, what);
}

/** A backup as its file was when it was made, and the store that it is of. */
function backup(): { original: Image; image: Image; entries: Record<string, string> } {
  const it = watch();
  fill(it.store, 50);
  it.store.putSync("large", "l".repeat(4000));
  it.store.backupSync("copy");
  const all = it.io.killed();
  const result = {
    original: files(all.get(PATH), all.get(LOG)),
    image: files(all.get("copy"), undefined),
    entries: entriesOf(it.store),
  };
  finish(it);
  return result;
}

// The order

rule(
  "creation makes the data file, empty and locked, then the log, the directory, the meta",
  () => {
    const it = watch();
    const made = it.io.operations.filter((operation) =>
      isChange(operation) || operation.kind === "lock" || operation.options?.create === true
    );
    const said = words(made);
    assertEquals(said.slice(0, 3), [`open ${PATH}`, `lock ${PATH} exclusive`, `open ${LOG}`]);
    const zeros = said.slice(3).findIndex((word) => word === `sync ${LOG} full`);
    assert(made.slice(3, 3 + zeros).every(({ path, kind }) => path === LOG && kind === "write"));
    assertEquals(said.slice(3 + zeros, 7 + zeros), [
      `sync ${LOG} full`,
      `syncDirectory ${LOG}`,
      `write ${PATH} 0+${2 * PAGE}`,
      `sync ${PATH} full`,
    ]);
    assertEquals(made[0].options?.exclusive, true);
    finish(it);
  },
);

rule("the log is full of zeros and durable before the first meta page is written", () => {
  const io = new RecordingIo();
  let looked = false;
  io.hold = ({ kind, path, pieces, sizeBefore }: Operation) => {
    if (kind !== "write" || path !== PATH || looked) return false;
    looked = true;
    assertEquals([pieces[0].at, pieces[0].length, sizeBefore], [0, 2 * PAGE, 0]);
    const log = io.powerCut().get(LOG) ?? NONE;
    assertEquals(log.length, LOG_BYTES, "its name and its size are durable");
    assertEquals(log.every((byte) => byte === 0), true);
    return false;
  };
  const store = openSync(PATH, { ...SMALL, io });
  assert(looked);
  assertEquals(store.verifySync().problems, []);
  store.closeSync();
});

rule(
  "the first meta page comes in a file of two durable pages, and the second stays empty",
  () => {
    const io = new RecordingIo();
    const durable: Uint8Array[] = [];
    io.onDone = (operation) => {
      if (isSync(PATH)(operation)) durable.push(io.durable(PATH).slice());
    };
    openSync(PATH, { ...SMALL, io }).closeSync();
    const [empty, first] = durable;
    assertEquals(empty, new Uint8Array(2 * PAGE));
    assertEquals(first.length, 2 * PAGE);
    const [meta, other] = metasOf(first);
    assertEquals([meta?.checkpoint, meta?.state.sequence, other], [1, 0, undefined]);
    assertEquals(contentsOf(io.powerCut()), {});
  },
);

rule("creation that is cut off anywhere is opened or made anew", () => {
  const io = new RecordingIo();
  const images = cutsOf(io, () => openSync(PATH, { ...SMALL, io }).closeSync());
  assert(images.length >= 20);
  images.forEach((image, i) => i % 3 > 0 || assertMadeAnew(image, `cut ${i}`));
});

// Half-created

rule("an empty data file is half-created, beside no log or one without a valid block", () => {
  for (const data of [undefined, NONE]) {
    for (const log of [undefined, NONE, BLANK.slice(0, 5000), BLANK, noise(LOG_BYTES)]) {
      const what = `data file ${data?.length}, log ${log?.length}`;
      assertMadeAnew(files(data, log), what);
    }
  }
});

rule("up to two pages without a meta page beside a blank log of full size are half-created", () => {
  for (const length of [1, PAGE, 2 * PAGE - 1, 2 * PAGE]) {
    assertMadeAnew(files(noise(length), BLANK), `${length} bytes`);
    if (length === PAGE) assertMadeAnew(files(new Uint8Array(length), BLANK), "zeros");
  }
});

rule("what is half-created is made anew only where that is allowed", () => {
  for (const image of [files(undefined, undefined), files(NONE, BLANK), files(noise(9), BLANK)]) {
    for (const options of [{ createIfMissing: false }, { readOnly: true }]) {
      assertEquals(refusal(image, options).code, "KVIG_NOT_FOUND");
    }
  }
});

rule("a longer data file without a meta page is not half-created", () => {
  for (const length of [2 * PAGE + 1, 3 * PAGE, 100_000]) {
    assertRefused(files(new Uint8Array(length), BLANK), "KVIG_CORRUPT", `${length} zeros`);
    assertRefused(files(noise(length), BLANK), "KVIG_CORRUPT", `${length} bytes`);
  }
});

rule("a data file is not half-created where a block of the log checks out", () => {
  const log = killed().get(LOG)!;
  for (const data of [NONE, new Uint8Array(2 * PAGE), noise(PAGE), noise(5000)]) {
    assertRefused(files(data, log), "KVIG_CORRUPT", `${data.length} bytes`);
  }
});

rule("a data file is not half-created where the log is not of full size", () => {
  for (const log of [NONE, BLANK.slice(0, LOG_BYTES - 4096)]) {
    assertRefused(files(noise(PAGE), log), "KVIG_CORRUPT", `a log of ${log.length} bytes`);
  }
});

// Refused

rule("without a meta page and without a log it is KVIG_FORMAT", () => {
  for (const length of [1, PAGE, 2 * PAGE, 3 * PAGE, 100_000]) {
    assertRefused(files(noise(length), undefined), "KVIG_FORMAT", `${length} bytes`);
    assertRefused(files(new Uint8Array(length), undefined), "KVIG_FORMAT", `${length} zeros`);
  }
});

rule("without a meta page and with a log of ours it is KVIG_CORRUPT", () => {
  const image = killed();
  const broken = changed(image, PATH, (data) => data.fill(0x55, 0, 2 * PAGE));
  assertRefused(broken, "KVIG_CORRUPT", "both meta pages are damaged");
  const short = changed(broken, PATH, (data) => data.slice(0, 2 * PAGE));
  assertRefused(short, "KVIG_CORRUPT", "and the file is short");
});

rule("a valid data file whose log is absent is KVIG_CORRUPT", () => {
  const image = killed();
  assertRefused(without(image, LOG), "KVIG_CORRUPT", "with groups in it");
  const it = watch();
  fill(it.store, 20);
  finish(it);
  assertRefused(without(it.io.killed(), LOG), "KVIG_CORRUPT", "after a clean close");
  assertEquals(refusal(without(image, LOG), { readOnly: true }).code, "KVIG_CORRUPT");
});

rule("a valid data file whose log has another size is KVIG_CORRUPT", () => {
  const image = killed();
  for (const bytes of [0, 4096, LOG_BYTES - 4096, LOG_BYTES - 1, LOG_BYTES + 1, 2 * LOG_BYTES]) {
    const other = changed(image, LOG, (log) => {
      const resized = new Uint8Array(bytes);
      resized.set(log.subarray(0, bytes));
      return resized;
    });
    assertRefused(other, "KVIG_CORRUPT", `${bytes} bytes`);
  }
});

rule("a backup has no log yet: it opens without one and makes it", () => {
  const { image, entries } = backup();
  assertEquals(metasOf(image.get(PATH)!).map((meta) => meta?.noLog), [true, true]);
  const reader = watch({ image, readOnly: true });
  assertEquals(entriesOf(reader.store), entries);
  reader.store.closeSync();
  assertEquals(reader.io.operations.filter(isChange), [], "a reader makes none");
  const it = watch({ image });
  assertEquals(entriesOf(it.store), entries);
  assertEquals(it.io.powerCut().get(LOG)?.length, LOG_BYTES);
  assertEquals(newestMeta(it.io.durable(PATH)).noLog, false);
  it.store.putSync("new", "n");
  assertEquals(contentsOf(it.io.powerCut()), { ...entries, new: "n" });
  finish(it);
  assertRefused(without(it.io.killed(), LOG), "KVIG_CORRUPT", "from then on the log must be there");
});

rule("a log beside a backup without a block of its id is made anew", () => {
  const { original, image, entries } = backup();
  for (const log of [NONE, BLANK, noise(70_000), original.get(LOG)!, killed(40).get(LOG)!]) {
    const it = watch({ image: files(image.get(PATH), log) });
    assertEquals(entriesOf(it.store), entries, "nothing of that log is replayed");
    assertEquals(groupsOf(it.io.durable(LOG), newestMeta(it.io.durable(PATH))), []);
    finish(it);
  }
});

rule("'no log yet' does not count where a block beside it carries the file's id", () => {
  const { image } = backup();
  const it = watch({ image });
  it.store.putSync("new", "n");
  const log = it.io.killed().get(LOG);
  finish(it);
  assertRefused(files(image.get(PATH), log), "KVIG_CORRUPT", "groups of its own");
  assertEquals(refusal(files(image.get(PATH), log), { readOnly: true }).code, "KVIG_CORRUPT");
});

rule("the making of a backup's log can be cut off anywhere", () => {
  const { image, entries } = backup();
  const io = new RecordingIo({ image });
  const images = cutsOf(io, () => openSync(PATH, { ...SMALL, io }).closeSync());
  assert(images.length >= 20);
  images.forEach((each, i) => i % 3 > 0 || assertEquals(contentsOf(each), entries));
});

rule("a log with valid blocks beside an absent data file is never replayed nor overwritten", () => {
  const image = killed();
  const lost = without(image, PATH);
  assertRefused(lost, "KVIG_CORRUPT", "the data file is absent");
  const options = { pageSize: 4096, logSize: 2 * LOG_BYTES, logBlockSize: 512 } as const;
  assertEquals(refusal(lost, options).code, "KVIG_CORRUPT", "whatever is asked for");
  assertEquals(refusal(lost, { errorIfExists: true }).code, "KVIG_CORRUPT");
  const blocks = watch({ logBlockSize: 512 });
  fill(blocks.store, 3);
  const small = without(blocks.io.killed(), PATH);
  finish(blocks);
  assertRefused(small, "KVIG_CORRUPT", "blocks of 512 bytes");
  const closed = watch();
  fill(closed.store, 3);
  finish(closed);
  const after = without(closed.io.killed(), PATH);
  assertRefused(after, "KVIG_CORRUPT", "after a clean close");
});

rule("a creation that fails removes what it made, and nothing else", () => {
  for (const before of [files(undefined, undefined), files(undefined, BLANK), files(NONE, BLANK)]) {
    for (let skip = before.size; skip < 8; skip += 1 + before.size) {
      const io = new RecordingIo({ image: before });
      io.failWhen({ match: (operation) => isChange(operation), skip });
      try {
        openSync(PATH, { ...SMALL, io }).closeSync();
        continue;
      } catch (error) {
        assert(error instanceof KvigError, String(error));
      }
      io.failNothing();
      for (const name of before.keys()) assertNotEquals(io.killed().get(name), undefined);
      const left = skip % 2 === 0 ? io.killed() : io.powerCut();
      assertMadeAnew(left, `after failure ${skip}`);
    }
  }
});

rule("an opening that finds the file locked changes nothing", () => {
  const io = new RecordingIo();
  const store = openSync(PATH, { ...SMALL, io });
  store.putSync("key", "v");
  io.forget();
  const error = assertThrows(() => openSync(PATH, { ...SMALL, io }), KvigError);
  assertEquals(error.code, "KVIG_LOCKED");
  assertEquals(io.operations.filter(isChange), []);
  assertEquals(store.verifySync().problems, []);
  store.closeSync();
  assertEquals(contentsOf(io.killed()), { key: "v" });
});
