/**
 * Installs the packages of `bench/package.json`, exactly as its lock file has them.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import process from "node:process";

import { benchDirectory } from "../support/places.ts";

/** Runs `npm ci` in `bench/`, unless what is installed is what the lock file names. */
export function install(): void {
  const lock = fs.readFileSync(
    join(benchDirectory, "package-lock.json"),
    "utf8",
  );
  const stamp = join(benchDirectory, "node_modules/.installed-from");
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, "utf8") === lock) return;
  console.error("installing what kvig is compared with: npm ci in bench/");
  const npm = process.env["npm_execpath"];
  const [program, ...words] = npm === undefined ? ["npm", "ci"] : [
    process.env["npm_node_execpath"] ?? process.execPath,
    npm,
    "ci",
  ];
  const ended = spawnSync(program, [...words, "--no-audit", "--no-fund"], {
    cwd: benchDirectory,
    // Standard output is for the table.
    stdio: ["ignore", 2, 2],
  });
  if (ended.status !== 0) throw new Error("npm ci in bench/ failed");
  fs.writeFileSync(stamp, lock);
}
