/**
 * The model of a store: a sorted map with all of its versions. Version n is the state after the
 * first n calls that write; what a reader shows is compared with one of them, or with a few where
 * calls are under way.
 *
 * Calls get the writer's turn in the order in which they are made, so the order of calls is that of
 * commits. A call that failed without effect counts no more: its version equals the one before.
 *
 * @module
 */

import { checksum } from "../../core/checksum.ts";

/** One change of a call. */
export type Change =
  | { readonly kind: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly key: Uint8Array }
  | { readonly kind: "clear"; readonly from: string | undefined; readonly to: string | undefined };

/** What became of a call. */
export type Fate = "under way" | "applied" | "gone" | "unknown";

interface Call {
  readonly changes: readonly Change[];
  fate: Fate;
  /** How many keys its deletes and clears found. */
  removed: number;
}

interface Writing {
  readonly version: number;
  readonly value: Uint8Array | undefined;
  /** Hash of the entry; 0 where there is no value. */
  readonly hash: number;
}

/** A range of names; see {@link nameOf}. */
export interface NameRange {
  /** First name, included. */
  readonly from?: string | undefined;
  /** Name behind the last one. */
  readonly to?: string | undefined;
}

const MODULUS = 2 ** 52;

/** A key as text that sorts like its bytes. */
export function nameOf(key: Uint8Array): string {
  return String.fromCharCode.apply(null, key as unknown as number[]);
}

/** The key of a name. */
export function keyOf(name: string): Uint8Array {
  const key = new Uint8Array(name.length);
  for (let i = 0; i < key.length; i++) key[i] = name.charCodeAt(i);
  return key;
}

/** A hash of one entry, of 52 bits; sums of them tell states apart. */
export function hashOf(name: string, value: Uint8Array): number {
  let key = 0x811C9DC5 ^ name.length;
  for (let i = 0; i < name.length; i++) key = Math.imul(key ^ name.charCodeAt(i), 0x01000193);
  const low = checksum(value, 0, value.length, key);
  const high = checksum(value, 0, value.length, ~key) & 0xFFFFF;
  return high * 2 ** 32 + low;
}

/** The hash of a whole state: the sum of those of its entries. */
export function sumOf(entries: Iterable<readonly [Uint8Array, Uint8Array]>): number {
  let sum = 0;
  for (const [key, value] of entries) sum = (sum + hashOf(nameOf(key), value)) % MODULUS;
  return sum;
}

/** Whether both are the same bytes, or both are missing. */
export function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** A sorted map with all of its versions. */
export class VersionedModel {
  readonly #writings = new Map<string, Writing[]>();
  #calls: Call[] = [];
  #sums: number[] = [0];
  #counts: number[] = [0];
  #sorted: string[] | undefined = undefined;

  /** Version after the last call that was made. */
  get last(): number {
    return this.#calls.length;
  }

  /** Notes that a call is made now; returns its version. */
  issue(changes: readonly Change[]): number {
    this.#calls.push({ changes, fate: "under way", removed: 0 });
    this.#apply(this.last);
    return this.last;
  }

  /** Notes what became of the call with `version`; one that is gone has no effect. */
  settle(version: number, fate: Fate): void {
    const call = this.#calls[version - 1];
    const changed = (call.fate === "gone") !== (fate === "gone");
    call.fate = fate;
    if (changed) this.#applyFrom(version);
  }

  /** What became of the call with `version`. */
  fate(version: number): Fate {
    return this.#calls[version - 1].fate;
  }

  /** How many keys the deletes and clears of the call with `version` find. */
  removed(version: number): number {
    return this.#calls[version - 1].removed;
  }

  /** Versions of the calls that are not over, in their order. */
  underWay(): number[] {
    const versions: number[] = [];
    this.#calls.forEach(({ fate }, i) => {
      if (fate === "under way") versions.push(i + 1);
    });
    return versions;
  }

  #applyFrom(version: number): void {
    for (const writings of this.#writings.values()) {
      while (writings.length > 0 && writings.at(-1)!.version >= version) writings.pop();
    }
    for (let each = version; each <= this.last; each++) this.#apply(each);
  }

  #apply(version: number): void {
    const call = this.#calls[version - 1];
    this.#sums[version] = this.#sums[version - 1];
    this.#counts[version] = this.#counts[version - 1];
    call.removed = 0;
    if (call.fate === "gone") return;
    for (const change of call.changes) {
      if (change.kind === "put") this.#write(version, nameOf(change.key), change.value);
      else if (change.kind === "delete") {
        if (this.#write(version, nameOf(change.key), undefined)) call.removed++;
      } else {
        for (const name of this.names(version, change)) {
          if (this.#write(version, name, undefined)) call.removed++;
        }
      }
    }
  }

  /** Sets or removes a value in the last version; returns whether there was one before. */
  #write(version: number, name: string, value: Uint8Array | undefined): boolean {
    let writings = this.#writings.get(name);
    if (writings === undefined) {
      if (value === undefined) return false;
      this.#writings.set(name, writings = []);
      this.#sorted = undefined;
    }
    const last = writings.at(-1);
    const old = last?.value;
    if (old === undefined && value === undefined) return false;
    let sum = this.#sums[version];
    let hash = 0;
    if (old !== undefined) {
      sum = (sum - last!.hash + MODULUS) % MODULUS;
      this.#counts[version]--;
    }
    if (value !== undefined) {
      hash = hashOf(name, value);
      sum = (sum + hash) % MODULUS;
      this.#counts[version]++;
    }
    this.#sums[version] = sum;
    if (last?.version === version) writings.pop();
    writings.push({ version, value, hash });
    return old !== undefined;
  }

  /** The value of a name in a version. */
  get(name: string, version: number): Uint8Array | undefined {
    const writings = this.#writings.get(name);
    if (writings === undefined) return undefined;
    for (let i = writings.length - 1; i >= 0; i--) {
      if (writings[i].version <= version) return writings[i].value;
    }
    return undefined;
  }

  /** Number of entries of a version. */
  count(version: number): number {
    return this.#counts[version];
  }

  /** Hash of a version; see {@link sumOf}. */
  sum(version: number): number {
    return this.#sums[version];
  }

  /** The names of a version in a range, in order. */
  names(version: number, { from, to }: NameRange = {}): string[] {
    this.#sorted ??= [...this.#writings.keys()].sort((a, b) => (a < b ? -1 : 1));
    return this.#sorted.filter((name) =>
      (from === undefined || name >= from) && (to === undefined || name < to) &&
      this.get(name, version) !== undefined
    );
  }

  /** Versions from `first` to `last` in which a name has this value. */
  versionsWith(
    name: string,
    value: Uint8Array | undefined,
    first: number,
    last: number,
  ): number[] {
    const versions: number[] = [];
    for (let version = first; version <= last; version++) {
      if (sameBytes(this.get(name, version), value)) versions.push(version);
    }
    return versions;
  }

  /** Versions from `first` to `last` with this sum and count. */
  versionsLike(sum: number, count: number, first: number, last: number): number[] {
    const versions: number[] = [];
    for (let version = first; version <= last; version++) {
      if (this.#sums[version] === sum && this.#counts[version] === count) versions.push(version);
    }
    return versions;
  }

  /** Makes these entries the beginning. */
  reset(entries: Iterable<readonly [Uint8Array, Uint8Array]>): void {
    this.#begin([...entries].map(([key, value]) => [nameOf(key), value]));
  }

  /**
   * Makes `version` the beginning: no call is under way, and the version is 0 from now on. Calls
   * behind it never happened.
   */
  rebase(version: number): void {
    this.#begin(this.names(version).map((name) => [name, this.get(name, version)!]));
  }

  #begin(values: readonly (readonly [string, Uint8Array])[]): void {
    let sum = 0;
    this.#calls = [];
    this.#sorted = undefined;
    this.#writings.clear();
    for (const [name, value] of values) {
      const hash = hashOf(name, value);
      this.#writings.set(name, [{ version: 0, value, hash }]);
      sum = (sum + hash) % MODULUS;
    }
    this.#sums = [sum];
    this.#counts = [values.length];
  }
}
