/**
 * Meta pages and blocks of the log: what was written is read, and nothing else is taken for it.
 *
 * @module
 */

import { test } from "node:test";

import { BlockCodec } from "../../core/log_block.ts";
import { decodeMeta, encodeMeta, type Meta, META_BYTES } from "../../core/meta.ts";
import { State } from "../../core/state.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { Random } from "../support/random.ts";

function someMeta(random: Random): Meta {
  const state = new State();
  state.catalogue.page = random.below(2 ** 32);
  state.catalogue.epoch = random.below(2 ** 32);
  state.catalogue.count = random.below(2 ** 50);
  state.freePage = random.below(2 ** 32);
  state.freeEpoch = random.below(2 ** 32);
  state.freeLevel = random.between(1, 7);
  state.pageCount = random.below(2 ** 32);
  state.highestPage = random.below(2 ** 32);
  state.usedPages = random.below(2 ** 32);
  state.sequence = random.below(2 ** 52);
  return {
    version: 1,
    compatible: random.below(2 ** 32),
    readOnlyCompatible: 0,
    incompatible: 0,
    pageBytes: 512,
    fileId: random.bytes(16),
    logBytes: 2 ** 20 * random.between(1, 2 ** 20),
    logBlockBytes: random.pick([512, 4096]),
    noLog: random.oneIn(2),
    checkpoint: random.below(2 ** 52),
    state,
    group: random.below(2 ** 52),
    position: random.below(2 ** 52),
    salt: random.below(2 ** 32),
    epochLimit: random.below(2 ** 32),
  };
}

test("a meta page is read as it was written, from its own slot alone", () => {
  const random = new Random(1);
  for (let i = 0; i < 200; i++) {
    const meta = someMeta(random);
    const page = new Uint8Array(META_BYTES).fill(0xAA);
    encodeMeta(meta, i % 2, page);
    assertEquals(decodeMeta(page, i % 2), meta);
    assertEquals(decodeMeta(page, 1 - (i % 2)), undefined);
  }
});

test("a meta page with any bit flipped is no meta page", () => {
  const page = new Uint8Array(META_BYTES);
  encodeMeta(someMeta(new Random(2)), 0, page);
  for (let at = 0; at < META_BYTES; at++) {
    page[at] ^= 1 << (at % 8);
    assertEquals(decodeMeta(page, 0), undefined, `byte ${at}`);
    page[at] ^= 1 << (at % 8);
  }
  assert(decodeMeta(page, 0) !== undefined, "it is one again");
});

test("a block of the log says what was sealed, and its checksum continues a chain", () => {
  const random = new Random(3);
  for (const blockBytes of [512, 4096]) {
    const buffer = new Uint8Array(4 * blockBytes);
    const codec = new BlockCodec(buffer, blockBytes, random.bytes(16), 77);
    let chain = 0;
    for (let index = 0; index < 4; index++) {
      const at = index * blockBytes;
      buffer.set(random.bytes(codec.payloadBytes), at + blockBytes - codec.payloadBytes);
      const used = random.below(codec.payloadBytes);
      codec.finish(at, used, index === 3);
      const sum = codec.seal(at, index, chain, 9, 1000 + index, 2 ** 40, 2 ** 40 - 1);
      assertEquals(codec.header(at), {
        used,
        first: index === 0,
        last: index === 3,
        salt: 9,
        index,
        position: 1000 + index,
        group: 2 ** 40,
        durableThrough: 2 ** 40 - 1,
      });
      assert(codec.valid(at, index === 0, chain), "it is valid behind the one before");
      if (index > 0) assert(!codec.valid(at, false, chain ^ 1), "and behind no other");
      buffer[at + 30] ^= 1;
      assert(!codec.valid(at, index === 0, chain), "a flipped bit is noticed");
      buffer[at + 30] ^= 1;
      chain = sum;
    }
    const foreign = new BlockCodec(buffer, blockBytes, random.bytes(16), 77);
    assert(!foreign.valid(0, true, 0), "the block of another file is none of this one");
  }
});
