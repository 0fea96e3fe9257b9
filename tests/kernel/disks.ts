/**
 * Disks that can lose their power: file systems on loop devices, whose images lie in a file system
 * in memory, so that nothing of this wears out or waits for a real disk.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { basename, join } from "node:path";

import { tempDir } from "../support/tmp.ts";
import { atEnd, type Undo } from "./cleanup.ts";
import { type System, SystemError } from "./system.ts";

const MIB = 2 ** 20;
/** The least that mkfs.xfs takes. */
const XFS_BYTES = 320 * MIB;
const BUSY_TRIES = 500;
const BUSY_PAUSE_MS = 10;

const pauseCell = new Int32Array(new SharedArrayBuffer(4));

/** The kinds of file systems that can be shut down. */
export type DiskKind = "ext4" | "xfs";

/** Runs a program; throws with what it said where it fails. Returns its standard output. */
export function run(program: string, ...words: string[]): string {
  const { status, error, stdout, stderr } = spawnSync(program, words, { encoding: "utf8" });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ${words.join(" ")}: ${stderr.trim() || status}`);
  return stdout;
}

/** Whether a program is there. */
export function hasProgram(name: string): boolean {
  const { error } = spawnSync(name, ["--version"], { stdio: "ignore" });
  return error === undefined;
}

/** Unmounts what is at `path`; waits a little where it is busy still. */
function unmountPatiently(system: System, path: string): void {
  for (let tries = 1;; tries++) {
    try {
      return system.unmount(path);
    } catch (error) {
      const busy = error instanceof SystemError && error.code === "EBUSY";
      if (!busy || tries === BUSY_TRIES) throw error;
      Atomics.wait(pauseCell, 0, 0, BUSY_PAUSE_MS);
    }
  }
}

/** Something mounted on a directory of its own. */
export class MountPoint {
  /** The directory. */
  readonly path: string;
  readonly #system: System;
  #undo: Undo | undefined = undefined;

  /** Makes the directory. */
  constructor(system: System, path: string) {
    this.#system = system;
    this.path = path;
    fs.mkdirSync(path);
  }

  /** Whether something is mounted. */
  get mounted(): boolean {
    return this.#undo !== undefined;
  }

  /** Mounts `source`. */
  mount(source: string, type: string, options = ""): void {
    this.#system.mount(source, this.path, type, options);
    this.#undo = atEnd(() => {
      try {
        unmountPatiently(this.#system, this.path);
      } catch {
        // Whoever keeps it busy loses the name; it goes when they do.
        this.#system.unmount(this.path, true);
      }
    });
  }

  /** Unmounts it; nothing may be open there any more. */
  unmount(): void {
    unmountPatiently(this.#system, this.path);
    this.#undo?.forget();
    this.#undo = undefined;
  }
}

/** The place of all images: a file system in memory. */
export class Arena {
  /** The calls of the kernel. */
  readonly system: System;
  /** Directory that holds everything. */
  readonly path: string;
  #count = 0;

  /** Makes and mounts it; it may take `bytes` of memory. */
  constructor(system: System, bytes: number) {
    this.system = system;
    const dir = tempDir();
    this.path = dir.path;
    atEnd(() => dir[Symbol.dispose]());
    this.memory("images", bytes);
  }

  /** A new path in it, with nothing there. */
  fresh(what: string): string {
    return join(this.path, this.freshName(what));
  }

  /** A name like no other. */
  freshName(what: string): string {
    return `${what}-${this.#count++}`;
  }

  /** The path of an image. */
  image(what: string): string {
    return join(this.path, "images", this.freshName(what));
  }

  /** A directory on the file system that holds the images. */
  directory(what: string): string {
    const path = this.image(what);
    fs.mkdirSync(path);
    return path;
  }

  /** Mounts a file system in memory of at most `bytes` bytes. */
  memory(name: string, bytes: number): MountPoint {
    const point = new MountPoint(this.system, join(this.path, name));
    point.mount("tmpfs", "tmpfs", `size=${bytes}`);
    return point;
  }
}

/** One disk with a file system on it. */
export class Disk {
  /** What kind of file system. */
  readonly kind: DiskKind;
  /** The file that holds its bytes. */
  readonly image: string;
  readonly #system: System;
  readonly #point: MountPoint;
  #device = "";
  #detach: Undo | undefined = undefined;

  /** Makes a disk of `bytes` bytes, or as few as the file system takes, in the file `image`. */
  constructor(arena: Arena, kind: DiskKind, bytes: number, image = arena.image(kind)) {
    this.#system = arena.system;
    this.kind = kind;
    this.image = image;
    fs.writeFileSync(image, "");
    fs.truncateSync(image, kind === "xfs" ? Math.max(bytes, XFS_BYTES) : bytes);
    this.#point = new MountPoint(arena.system, arena.fresh(kind));
    this.attach();
  }

  /** Where it is mounted. */
  get path(): string {
    return this.#point.path;
  }

  /** The name of its loop device, without a path. */
  get deviceName(): string {
    return basename(this.#device);
  }

  /** Connects the image with a loop device. */
  attach(): void {
    const device = run("losetup", "--find", "--show", this.image).trim();
    this.#device = device;
    this.#detach = atEnd(() => void run("losetup", "--detach", device));
  }

  /** Disconnects it again. */
  detach(): void {
    this.#detach?.now();
  }

  /**
   * Has every write come in requests of one page. A loop device takes a request for done of which
   * its file took a part alone, so that a sync would be believed that the disk never kept.
   */
  limitRequests(): void {
    fs.writeFileSync(`/sys/block/${this.deviceName}/queue/max_sectors_kb`, "4");
  }

  /** Makes the file system, anew. */
  format(): void {
    if (this.kind === "xfs") run("mkfs.xfs", "-q", "-f", this.#device);
    else run("mkfs.ext4", "-q", "-F", "-b", "4096", this.#device);
  }

  /** Has what its file system says about an error of its own forgotten. */
  check(): void {
    // 1: there was something to correct.
    const { status, stdout } = spawnSync("e2fsck", ["-f", "-y", this.#device], {
      encoding: "utf8",
    });
    if (status !== 0 && status !== 1) throw new Error(`e2fsck ended with ${status}: ${stdout}`);
  }

  /** Mounts it: whatever its journal holds is replayed first. */
  mount(options = ""): void {
    this.#point.mount(this.#device, this.kind, options);
  }

  /** Unmounts it. */
  unmount(): void {
    this.#point.unmount();
  }

  /** Cuts its power: nothing more reaches the device; it must be unmounted then. */
  cut(): void {
    this.#system.shutDown(this.path);
  }

  /** Takes it away. */
  remove(): void {
    if (this.#point.mounted) this.unmount();
    this.detach();
    fs.rmSync(this.image);
  }
}
