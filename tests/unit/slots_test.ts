/**
 * Searching a leaf and a branch, against looking at every key; and the history of one leaf.
 *
 * @module
 */

import { test } from "node:test";

import { childPage, childSlot, formatBranch, insertBranchCell } from "../../core/branch.ts";
import { commonPrefix, compareBytes } from "../../core/bytes.ts";
import { COUNT, Frames } from "../../core/frames.ts";
import { formatLeaf, insertLeafCell, removeLeafCells } from "../../core/leaf.ts";
import { KeyBuffer, repack } from "../../core/rebuild.ts";
import { freeBytes, headOf, readKey, searchSlots, setPrefix } from "../../core/slots.ts";
import { assertEquals } from "../support/assert.ts";
import { KEY_SHAPES } from "../support/keys.ts";
import { Random } from "../support/random.ts";

const PAGE = 4096;
const NONE = new Uint8Array(0);

function newFrames(): Frames {
  return new Frames(new Uint8Array(4 * PAGE), PAGE);
}

/** Where `key` belongs among ascending `keys`, in the way of `searchSlots`. */
function naive(keys: readonly Uint8Array[], key: Uint8Array): number {
  const at = keys.findIndex((other) => compareBytes(other, key) >= 0);
  if (at < 0) return -1 - keys.length;
  return compareBytes(keys[at], key) === 0 ? at : -1 - at;
}

test("a search of a leaf finds what looking at every key finds", () => {
  for (const [shape, make] of Object.entries(KEY_SHAPES)) {
    const random = new Random(shape.length);
    const frames = newFrames();
    formatLeaf(frames, 0);
    const keys: Uint8Array[] = [];
    for (let i = 0; i < 300; i++) {
      const key = make(random, 60, 200);
      const slot = searchSlots(frames, 0, 0, key, key.length);
      assertEquals(slot, naive(keys, key), shape);
      if (slot >= 0) {
        if (random.oneIn(2)) {
          removeLeafCells(frames, 0, slot, slot + 1);
          keys.splice(slot, 1);
        }
        continue;
      }
      if (freeBytes(frames, 0) < 100) repack(frames, 0, 2, 0, new KeyBuffer(128));
      if (freeBytes(frames, 0) < 100) continue;
      insertLeafCell(frames, 0, -1 - slot, key, key.length, NONE, 0, 0, 0);
      keys.splice(-1 - slot, 0, key);
    }
    assertEquals(frames.get(0, COUNT), keys.length);
    const bytes = new Uint8Array(128);
    keys.forEach((key, slot) => {
      assertEquals(bytes.slice(0, readKey(frames, 0, slot, bytes, 0)), key);
    });
  }
});

test("a leaf with a prefix finds the same", () => {
  const random = new Random(9);
  for (let round = 0; round < 50; round++) {
    const prefix = random.bytes(random.below(12));
    const keys = Array.from({ length: 40 }, () => {
      return new Uint8Array([...prefix, ...random.bytes(random.below(6))]);
    }).sort(compareBytes).filter((key, i, all) => i === 0 || compareBytes(key, all[i - 1]) !== 0);
    const frames = newFrames();
    formatLeaf(frames, 0);
    const [first, last] = [keys[0], keys.at(-1)!];
    setPrefix(frames, 0, first, commonPrefix(first, first.length, last, last.length), 0);
    keys.forEach((key, i) => insertLeafCell(frames, 0, i, key, key.length, NONE, 0, 0, 0));
    for (let i = 0; i < 200; i++) {
      const key = random.oneIn(2)
        ? new Uint8Array([...prefix, ...random.bytes(random.below(7))])
        : random.bytes(random.below(20));
      assertEquals(searchSlots(frames, 0, 0, key, key.length), naive(keys, key));
    }
  }
});

test("a branch leads to the child whose separators enclose the key", () => {
  for (const [shape, make] of Object.entries(KEY_SHAPES)) {
    const random = new Random(shape.length + 100);
    const separators = Array.from({ length: 30 }, () => make(random, 60, 500))
      .filter((key) => key.length > 0).sort(compareBytes)
      .filter((key, i, all) => i === 0 || compareBytes(key, all[i - 1]) !== 0);
    const frames = newFrames();
    formatBranch(frames, 0, 1);
    insertBranchCell(frames, 0, 0, NONE, 0, 100, 1);
    for (const i of random.shuffled(separators.map((_, index) => index))) {
      const key = separators[i];
      const slot = childSlot(frames, 0, key, key.length) + 1;
      insertBranchCell(frames, 0, slot, key, key.length, 101 + i, 1);
    }
    for (let i = 0; i < 300; i++) {
      const key = random.oneIn(3) ? random.pick(separators) : make(random, 60, 500);
      const below = separators.filter((separator) => compareBytes(separator, key) <= 0).length;
      const slot = childSlot(frames, 0, key, key.length);
      assertEquals(childPage(frames, 0, slot), 100 + below, shape);
    }
  }
});

test("headOf() orders as the first four bytes do", () => {
  const random = new Random(10);
  for (let i = 0; i < 2000; i++) {
    const [a, b] = [random.bytes(random.below(7)), random.bytes(random.below(7))];
    const order = Math.sign(headOf(a, 0, a.length) - headOf(b, 0, b.length));
    const [x, y] = [a, b].map((key) => new Uint8Array([...key, 0, 0, 0, 0]).subarray(0, 4));
    assertEquals(order, Math.sign(compareBytes(x, y)));
  }
});
