/**
 * Temporary directories that go away with the scope that made them: `using dir = tempDir()`.
 *
 * They lie in the system's directory for such, or in `KVIG_TEST_DIR` where that is set: a way to
 * run the tests on another file system.
 *
 * @module
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** A directory of its own, with nothing in it. */
export class TempDir implements Disposable {
  /** The absolute path. */
  readonly path: string;

  /** Makes the directory. */
  constructor() {
    this.path = mkdtempSync(join(process.env["KVIG_TEST_DIR"] ?? tmpdir(), "kvig-"));
  }

  /** The path of `name` in it. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Removes the directory with all that is in it; again does nothing. */
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Makes a temporary directory. */
export function tempDir(): TempDir {
  return new TempDir();
}
