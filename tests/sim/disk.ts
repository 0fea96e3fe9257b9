/**
 * A simulated disk: files by name, and what is left of them when power or the process goes.
 *
 * @module
 */

import { cutFile, type TearOptions } from "./cut.ts";
import { DiskFile } from "./disk_file.ts";
import { type Profile, PROFILES } from "./profile.ts";
import type { Random } from "./random.ts";

/** The bytes of each file by its name. */
export type Image = Readonly<Record<string, Uint8Array>>;

/** Files, what is durable of them and of their names. */
export class SimDisk {
  /** The files by name. */
  readonly files: Map<string, DiskFile> = new Map();
  /** Files whose names were removed, which a power cut may bring back. */
  readonly removed: Map<string, DiskFile> = new Map();
  /** What a sync keeps. */
  readonly profile: Profile;
  /** Most that the sizes of all files may sum up to, in bytes. */
  capacityBytes: number = Infinity;

  /** A disk that holds `image`, all of it durable. It keeps the image's bytes. */
  constructor(image: Image = {}, profile: Profile = PROFILES.posix) {
    this.profile = profile;
    for (const [name, bytes] of Object.entries(image)) {
      this.files.set(name, new DiskFile(bytes, true));
    }
  }

  /** Sum of the sizes of all files, in bytes. */
  get usedBytes(): number {
    let sum = 0;
    for (const { size } of this.files.values()) sum += size;
    return sum;
  }

  /** Creates an empty file. */
  create(name: string): DiskFile {
    const file = new DiskFile(new Uint8Array(0), false);
    this.files.set(name, file);
    return file;
  }

  /** Removes a name; false where it is not there. */
  remove(name: string): boolean {
    const file = this.files.get(name);
    if (file === undefined) return false;
    this.files.delete(name);
    if (file.nameDurable) this.removed.set(name, file);
    return true;
  }

  /** Makes the names of all files durable: they lie in one directory. */
  syncNames(): void {
    if (this.profile.lies) return;
    for (const file of this.files.values()) file.nameDurable = true;
    this.removed.clear();
  }

  /** Copies of all files as readers see them. */
  image(): Image {
    return Object.fromEntries([...this.files].map(([name, file]) => [name, file.live()]));
  }

  /** The disk after the process was killed: the system lives, and so does all that was written. */
  killed(): SimDisk {
    return this.#with([...this.files].map(([name, file]) => [name, file.live(), file]));
  }

  /** The disk after a power cut that kept nothing but what syncs had made durable. */
  durable(): SimDisk {
    const named = [...this.files].filter(([, { nameDurable }]) => nameDurable);
    const kept = [...this.removed].filter(([name]) => !this.files.has(name));
    return this.#with([...named, ...kept].map(([name, file]) => [name, file.durable(), file]));
  }

  /** A disk that this one could be after a power cut at this moment. */
  cut(random: Random, options: TearOptions = {}): SimDisk {
    const left: [string, Uint8Array, DiskFile][] = [];
    for (const [name, file] of this.files) {
      if (!file.nameDurable && random.oneIn(2)) continue;
      left.push([name, cutFile(file, random, options), file]);
    }
    for (const [name, file] of this.removed) {
      if (this.files.has(name) || random.oneIn(2)) continue;
      left.push([name, cutFile(file, random, options), file]);
    }
    return this.#with(left);
  }

  #with(left: readonly [string, Uint8Array, DiskFile][]): SimDisk {
    const after = new SimDisk({}, this.profile);
    after.capacityBytes = this.capacityBytes;
    for (const [name, bytes, { flaws }] of left) {
      const file = new DiskFile(bytes, true);
      for (const [sector, flaw] of flaws) file.flaws.set(sector, flaw);
      after.files.set(name, file);
    }
    return after;
  }
}
