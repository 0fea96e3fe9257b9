/**
 * Directories for the files of a benchmark: on a disk, named with their file system, and gone when
 * the benchmark ends.
 *
 * @module
 */

import fs from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";

/** A directory that goes away with the scope that made it. */
export class Scratch implements Disposable {
  /** The absolute path. */
  readonly path: string;
  /** What it lies on, as "ext4 on /dev/vda". */
  readonly fileSystem: string;

  /** Makes a directory in the first of the usual places that lies on a disk. */
  constructor() {
    const wanted = process.env["KVIG_BENCH_DIR"];
    const places = wanted === undefined ? [tmpdir(), "/var/tmp", process.cwd()] : [wanted];
    const place = places.find(isOnDisk) ?? places[0];
    this.path = fs.mkdtempSync(join(resolve(place), "kvig-bench-"));
    this.fileSystem = fileSystemOf(this.path);
    process.once("exit", this.#remove);
  }

  /** The path of `name` in it. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Removes it with all that is in it. */
  [Symbol.dispose](): void {
    process.off("exit", this.#remove);
    this.#remove();
  }

  readonly #remove = (): void => {
    fs.rmSync(this.path, { recursive: true, force: true });
  };
}

const IN_MEMORY = /^(tmpfs|ramfs|unknown)\b/;

function isOnDisk(place: string): boolean {
  return fs.existsSync(place) && !IN_MEMORY.test(fileSystemOf(place));
}

/** Type and device of the mount that holds `path`, as Linux tells it; "unknown" elsewhere. */
function fileSystemOf(path: string): string {
  if (!fs.existsSync("/proc/self/mounts")) return "unknown";
  const real = fs.realpathSync(path);
  let longest = "";
  let found = "unknown";
  for (const line of fs.readFileSync("/proc/self/mounts", "utf8").split("\n")) {
    const [device, point, type] = line.split(" ");
    if (point === undefined || type === undefined) continue;
    const inside = real === point || real.startsWith(point.endsWith("/") ? point : `${point}/`);
    if (!inside || point.length < longest.length) continue;
    longest = point;
    found = `${type} on ${device}`;
  }
  return found;
}
