/**
 * The options that several commands share.
 *
 * @module
 */

import type { Option } from "./syntax.ts";

/** Understood by every command. */
export const HELP: Option = {
  name: "help",
  short: "h",
  about: "Explain the command and do nothing else.",
};

/** Keys and values in hexadecimal. */
export const HEX: Option = {
  name: "hex",
  about: "Keys and values are hexadecimal digits, on the command line and where they are printed.",
};

/** Keys and values in base64. */
export const BASE64: Option = {
  name: "base64",
  about: "Keys and values are base64, on the command line and where they are printed.",
};

/** The page cache. */
export const CACHE_SIZE: Option = {
  name: "cache-size",
  value: "SIZE",
  about: "Memory for pages of the store, 1MiB to 4GiB. Default: 64MiB.",
};

/** For commands that say on standard error what they do. */
export const QUIET: Option = {
  name: "quiet",
  short: "q",
  about: "Leave out the progress line and the closing line on standard error.",
};

/** For commands that print facts. */
export const JSON_OUTPUT: Option = {
  name: "json",
  about: "Print JSON.",
};
