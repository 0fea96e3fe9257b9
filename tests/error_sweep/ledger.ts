/**
 * The model of a store whose commits may fail: every commit in the order in which it was issued,
 * what became of it, and which states may therefore be found.
 *
 * The order is that of the writer's turn, which is given in the order of asking. A state is that
 * of some number of commits from the first on, leaving out those that were aborted: they never show
 * up. The last commit that was acknowledged is in it, with all before.
 *
 * @module
 */

/** What a store holds: values by key. */
export type Contents = ReadonlyMap<string, string>;

/** One change of a commit. */
export type Change =
  | { readonly kind: "put"; readonly key: string; readonly value: string }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "clear"; readonly from: string; readonly to: string };

/** What became of a commit. */
export type Fate =
  /** It was issued, and nothing more is known: it may be found later, or not. */
  | "unknown"
  /** It is visible and not known to be durable. */
  | "applied"
  /** It is durable. */
  | "acknowledged"
  /** It must never be seen. */
  | "aborted";

/** A commit. */
export interface Commit {
  /** What it changes, in order. */
  readonly changes: readonly Change[];
  /** What became of it. */
  fate: Fate;
}

/** All commits of one store. */
export class Ledger {
  readonly #commits: Commit[];
  /** What a read-only opening shows, where that is not what all commits come to. */
  #shown: Contents | undefined = undefined;

  /** Begins with an empty store, or with the commits of another ledger. */
  constructor(other?: Ledger) {
    this.#commits = other === undefined ? [] : other.#commits.map((commit) => ({ ...commit }));
  }

  /** Notes a commit that is about to be issued. */
  issue(changes: readonly Change[]): Commit {
    const commit: Commit = { changes, fate: "unknown" };
    this.#commits.push(commit);
    return commit;
  }

  /** Number of commits issued. */
  get issued(): number {
    return this.#commits.length;
  }

  /** Number of the first commits that are durable: up to the last acknowledged one. */
  get acknowledged(): number {
    return this.#commits.findLastIndex(({ fate }) => fate === "acknowledged") + 1;
  }

  /** Whether there are commits that a crash or a failure may have taken away. */
  get uncertain(): boolean {
    return this.#commits.some(({ fate }) => fate === "unknown" || fate === "applied");
  }

  /** Everything that was applied until now is durable. */
  acknowledgeApplied(): void {
    for (const commit of this.#commits) if (commit.fate === "applied") commit.fate = "acknowledged";
  }

  /** What a reader sees now; commits of which nothing is known are left out with `certain`. */
  visible(certain = false): Contents {
    if (this.#shown !== undefined) return this.#shown;
    const state = new Map<string, string>();
    for (const { changes, fate } of this.#commits) {
      if (fate === "aborted" || (certain && fate === "unknown")) continue;
      apply(state, changes);
    }
    return state;
  }

  /** Every value that a key has had or may have had; undefined for its absence. */
  everHeld(key: string): ReadonlySet<string | undefined> {
    const values = new Set<string | undefined>([undefined]);
    for (const { changes, fate } of this.#commits) {
      if (fate === "aborted") continue;
      for (const change of changes) {
        if (change.kind === "put" && change.key === key) values.add(change.value);
      }
    }
    return values;
  }

  /** Whether a state may be found that at least the first `least` commits are in. */
  allows(found: Contents, least: number = this.acknowledged): boolean {
    return this.#numberOf(found, least) >= 0;
  }

  /** Takes a state that was found for what is there: the commits behind it are gone for good. */
  adopt(found: Contents, least: number = this.acknowledged): boolean {
    const number = this.#numberOf(found, least);
    if (number < 0) return false;
    this.#commits.forEach((commit, i) => {
      if (i >= number) commit.fate = "aborted";
      else if (commit.fate !== "aborted") commit.fate = "acknowledged";
    });
    return true;
  }

  /** Like {@link adopt}, for an opening that writes nothing: all commits stay what they are. */
  show(found: Contents, least: number): boolean {
    if (!this.allows(found, least)) return false;
    this.#shown = found;
    return true;
  }

  /** The opening whose state was shown is over. */
  showAll(): void {
    this.#shown = undefined;
  }

  /** After how many commits the store was in a state; −1 for none that may be found. */
  #numberOf(found: Contents, least: number): number {
    const state = new Map<string, string>();
    let number = least === 0 && same(state, found) ? 0 : -1;
    this.#commits.forEach(({ changes, fate }, i) => {
      if (fate !== "aborted") apply(state, changes);
      if (i + 1 >= least && same(state, found)) number = i + 1;
    });
    return number;
  }
}

function apply(state: Map<string, string>, changes: readonly Change[]): void {
  for (const change of changes) {
    if (change.kind === "put") state.set(change.key, change.value);
    else if (change.kind === "delete") state.delete(change.key);
    else {
      for (const key of [...state.keys()]) {
        if (key >= change.from && key < change.to) state.delete(key);
      }
    }
  }
}

/** Whether two states hold the same. */
export function same(a: Contents, b: Contents): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}

/** The entries of `contents` whose key begins with `prefix`, in order or backwards. */
export function entriesOf(contents: Contents, prefix: string, reverse = false): [string, string][] {
  const entries = [...contents].filter(([key]) => key.startsWith(prefix));
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return reverse ? entries.reverse() : entries;
}

/** Where two states differ, in a few words; "" where they do not. */
export function difference(found: Contents, expected: Contents): string {
  for (const [key, value] of expected) {
    const there = found.get(key);
    if (there === undefined) return `${key} is missing`;
    if (there !== value) return `${key} has another value of ${there.length} characters`;
  }
  const extra = [...found.keys()].find((key) => !expected.has(key));
  return extra === undefined ? "" : `${extra} should not be there`;
}
