/**
 * What `tidy.ts` checks against, as data. A new file in core/ gets its place here.
 *
 * @module
 */

/** The layers of core/, lowest first: a file imports from its own layer and from those below. */
export const CORE_LAYERS: Readonly<Record<string, string>> = {
  base:
    `assert bytes checksum empty_file errors failure file_access future host index_sort io limits
    turn`,
  codecs:
    `bitmap branch check_fences check_page frames leaf log_block log_record overflow page rebuild
    slots`,
  // Meta pages and catalogue entries are codecs too, but of states: that is why they stand here.
  state: `catalogue_entry free_space group log log_reader meta page_cache pages sieve state`,
  pager: `checkpoint creation meta_pages page_loads pager`,
  btree: `btree descents merge path split`,
  database:
    `backup checked_io closing codec commits compact cursor database engine entries fresh_bytes
    open_store opening options page_source public range read_memory reader recovery snapshot
    state_walk stats transaction tree_walk values verify write_input writer`,
};

/**
 * The parts of the repository and what each may import besides itself; the first whose pattern
 * matches a path is its part. Parts that are not here may not exist.
 */
export const PARTS: readonly Part[] = [
  { name: "core", files: /^core\//, imports: [], product: true },
  { name: "adapters/mod.ts", files: /^adapters\/mod\.ts$/, imports: ["core", "adapter"] },
  { name: "adapters/*.ts", files: /^adapters\/[^/]+\.ts$/, imports: ["core"] },
  // It takes the place of the running runtime's adapter, and falls back to it.
  {
    name: "uring",
    files: /^adapters\/uring\//,
    imports: ["core", "adapters/*.ts", "adapter"],
    product: true,
  },
  // One adapter never imports another: the folder is part of the name that is compared.
  { name: "adapter", files: /^adapters\/([^/]+)\//, imports: ["core", "adapters/*.ts"] },
  { name: "mod.ts", files: /^mod\.ts$/, imports: ["core", "adapters/mod.ts"] },
  {
    name: "cli",
    files: /^cli\//,
    imports: ["core", "mod.ts", "adapters/mod.ts", "adapter", "uring", "conformance"],
  },
  { name: "scripts", files: /^scripts\//, imports: [] },
  { name: "examples", files: /^examples\//, imports: ["core", "mod.ts", "adapter"] },
  {
    name: "bench",
    files: /^bench\//,
    imports: ["core", "mod.ts", "adapters/mod.ts", "adapters/*.ts", "adapter", "uring"],
  },
  // Published: it runs wherever an Io does.
  { name: "conformance", files: /^tests\/conformance\//, imports: ["core"], product: true },
  { name: "sim", files: /^tests\/sim\//, imports: ["core"], product: true },
  {
    name: "tests",
    files: /^tests\//,
    imports: [
      "core",
      "conformance",
      "sim",
      "mod.ts",
      "adapters/mod.ts",
      "adapters/*.ts",
      "adapter",
      "uring",
      "cli",
      "scripts",
      "examples",
      "bench",
    ],
  },
].map((part) => ({ product: /^(core|adapter|mod|cli)/.test(part.name), ...part }));

/** One part of the repository. */
export interface Part {
  /** What the `imports` of other parts call it. */
  readonly name: string;
  /** Which paths belong to it; a group tells siblings apart that may not import each other. */
  readonly files: RegExp;
  /** The other parts that it may import. */
  readonly imports: readonly string[];
  /** Whether it is shipped: then it imports no package. */
  readonly product: boolean;
}

/** Longest line, function and file, in columns and lines. */
export const LIMITS = { columns: 100, functionLines: 70, fileLines: 600 } as const;

/** Functions that may be longer, as "path name", with the reason; an idle entry fails. */
export const LONG_FUNCTIONS: Readonly<Record<string, string>> = {};

/** Global names that the core may not use: time, randomness, the outside come through the Io. */
export const CORE_FORBIDDEN_GLOBALS: readonly string[] = [
  ..."Bun Buffer Date Deno Worker clearInterval clearTimeout console crypto fetch".split(" "),
  ..."global navigator performance process queueMicrotask require self".split(" "),
  ..."setImmediate setInterval setTimeout structuredClone window".split(" "),
];

/** Names of runtimes: not in core/ nor mod.ts, not even in comments. */
export const RUNTIME_NAMES: readonly string[] = ["bun", "deno", "node", "nodejs"];

/** Words that mean something else here, and the files of core/ in which they may name a thing. */
export const BANNED_WORDS: Readonly<Record<string, RegExp | undefined>> = {
  node: undefined,
  txn: undefined,
  block: /^core\/(limits|meta|opening|stats|log\w*)\.ts$/,
};

/** Where "block" is plain: whether a call waits, or with the word that it belongs to. */
export const BLOCK_IS_PLAIN = /(can|may|would|log_?)Block/gi;
