/**
 * The forms in which bytes, sizes and entries are written: unit tests without a store.
 */

import { Buffer } from "node:buffer";
import { test } from "node:test";

import { CommandError, LineError, UsageError } from "../../cli/failures.ts";
import { formatEntry, MAX_LINE_VALUE_BYTES, parseEntry } from "../../cli/json_lines.ts";
import { LineSplitter } from "../../cli/line_splitter.ts";
import { parseCount, parseSize, showShare, showSize } from "../../cli/measures.ts";
import { editDistance, nearest } from "../../cli/nearest.ts";
import { bytesOfArgument, toShown } from "../../cli/notation.ts";
import { assertEquals, assertThrows } from "../support/assert.ts";
import { withSeeds } from "../support/random.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const utf8 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));

function assertRoundTrip(key: Uint8Array, value: Uint8Array): void {
  const line = formatEntry(key, value);
  assertEquals(line.includes("\n"), false);
  const entry = parseEntry(line);
  assertEquals([...entry.key], [...key]);
  assertEquals([...entry.value], [...value]);
}

test("a line holds text as text and other bytes as base64", () => {
  assertEquals(formatEntry(utf8("a"), utf8('"\n')), String.raw`{"key":"a","value":"\"\n"}`);
  assertEquals(formatEntry(bytes(0xFF), bytes()), '{"key64":"/w==","value":""}');
  assertEquals(formatEntry(utf8("a")), '{"key":"a"}');
});

test("what a line is made of comes back from it", async () => {
  for (const text of ["", "\0", "\uFEFFmark", "ä\u2028\u2029", "\u{1F600}", "\uFFFD", "\\u0041"]) {
    assertRoundTrip(utf8(text), utf8(text));
  }
  // A surrogate half in three bytes, an overlong form, a cut sequence: none of them UTF-8.
  for (const odd of [bytes(0xED, 0xA0, 0x80), bytes(0xC0, 0x80), bytes(0xE2, 0x82)]) {
    assertRoundTrip(odd, odd);
  }
  await withSeeds("lines", 500, (random) => {
    assertRoundTrip(random.bytes(random.below(40)), random.bytes(random.below(200)));
  });
});

test("a value that is too long for a line is refused by name", () => {
  const long = { length: MAX_LINE_VALUE_BYTES + 1 } as Uint8Array;
  assertThrows(() => formatEntry(bytes(), long), CommandError, "kvig backup");
});

test("a line that is no entry is refused, and no message repeats keys or values", () => {
  const cases: [string, string][] = [
    ["secret", "not JSON"],
    ['["secret"]', "an array and no object"],
    ["null", "null and no object"],
    ['{"value":"secret"}', "neither key nor key64"],
    ['{"key":"secret"}', "neither value nor value64"],
    ['{"key":"secret","value":"","ttl":1}', 'unknown field "ttl"'],
    ['{"key":"secret","value":1}', "value must be a string, got a number"],
    ['{"key":null,"value":"secret"}', "key must be a string, got null"],
    ['{"key":"secret","key64":"AA==","value":""}', "key and key64 exclude each other"],
    ['{"key":"","value64":"secret!"}', "value64 must be base64"],
    ['{"key":"","value64":"AP8"}', "value64 must be base64"],
    ['{"key":"","value64":"AB=="}', "value64 must be base64"],
    [String.raw`{"key":"secret\ud800","value":""}`, "half a surrogate pair"],
  ];
  for (const [line, message] of cases) {
    const error = assertThrows(() => parseEntry(line), LineError, message);
    assertEquals(error.message.includes("secret"), false, error.message);
  }
});

test("the splitter finds the same lines however the bytes arrive", async () => {
  const whole = utf8("\uFEFFone\r\n\ntwo ä\nthree");
  const expected = ["one\r", "", "two ä", "three"];
  await withSeeds("splitter", 200, (random) => {
    const splitter = new LineSplitter();
    const lines: string[] = [];
    for (let at = 0; at < whole.length;) {
      const length = random.between(1, 6);
      lines.push(...splitter.push(whole.subarray(at, at + length)));
      at += length;
    }
    lines.push(...splitter.end());
    assertEquals(lines, expected);
    assertEquals(splitter.line, 4);
  });
});

test("the splitter refuses lines that are too long or no UTF-8, and knows their number", () => {
  const long = new LineSplitter(10);
  assertEquals([...long.push(utf8("short\n12345678"))], ["short"]);
  assertThrows(() => [...long.push(utf8("901"))], LineError, "longer than 10 bytes");
  assertEquals(long.line, 2);
  const odd = new LineSplitter();
  assertThrows(() => [...odd.push(bytes(0x61, 10, 0xFF, 10))], LineError, "not UTF-8");
  assertEquals(odd.line, 2);
});

test("arguments become bytes, or are refused without being repeated", () => {
  assertEquals([...bytesOfArgument("KEY", "ä", "text")], [0xC3, 0xA4]);
  assertEquals([...bytesOfArgument("KEY", "00fF", "hex")], [0, 255]);
  assertEquals([...bytesOfArgument("KEY", "AP8=", "base64")], [0, 255]);
  assertEquals([...bytesOfArgument("KEY", "", "hex")], []);
  const cases = [["text", "\uFFFD"], ["hex", "0"], ["hex", "zz"], ["base64", "AP8"]] as const;
  for (const [notation, text] of cases) {
    const error = assertThrows(() => bytesOfArgument("KEY", text, notation), UsageError, "KEY");
    assertEquals(error.message.includes(`"${text}"`), false);
  }
});

test("what is shown for the eye is one line and says which bytes", () => {
  assertEquals(
    toShown(utf8("a\tb\n\\\r\u001b[ä\u0085\u2028"), "text"),
    // Not String.raw: Bun escapes what is not ASCII in there.
    "a\\tb\\n\\\\\\r\\x1b[ä\\x85\\u2028",
  );
  assertEquals(toShown(bytes(0x61, 0x5C, 0xFF, 0), "text"), String.raw`a\\\xff\x00`);
  assertEquals(toShown(bytes(0, 255), "hex"), "00ff");
  assertEquals(toShown(bytes(0, 255), "base64"), "AP8=");
});

test("sizes have units that are clear, or are refused", () => {
  assertEquals(parseSize("--x", "4096"), 4096);
  assertEquals(parseSize("--x", "64KiB"), 65536);
  assertEquals(parseSize("--x", "64 mib"), 64 * 1024 * 1024);
  assertEquals(parseSize("--x", "1G"), 2 ** 30);
  for (const text of ["", "-1", "1.5MiB", "64MB", "x", "1e3", "9999999999GiB", "0x10"]) {
    assertThrows(() => parseSize("--x", text), UsageError, "--x takes a number of bytes such as");
  }
  assertEquals(parseCount("--n", "10", 1), 10);
  for (const text of ["", "-1", "1.5", "0", "x"]) {
    assertThrows(() => parseCount("--n", text, 1), UsageError, "a whole number from 1 on");
  }
  assertEquals(showSize(1), "1 byte");
  assertEquals(showSize(64 * 1024 * 1024), "64.0 MiB");
  assertEquals(showShare(1, 3), " 33 %");
  assertEquals(showShare(1, undefined), "");
});

test("a mistyped word has its nearest neighbour", () => {
  assertEquals(editDistance("kitten", "sitting"), 3);
  assertEquals(editDistance("gte", "get"), 1);
  const words = ["get", "put", "delete", "scan", "verify"];
  assertEquals(nearest("gte", words), "get");
  assertEquals(nearest("del", words), "delete");
  assertEquals(nearest("remove-everything", words), undefined);
});
