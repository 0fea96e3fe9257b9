/**
 * The list of all commands, in the order of the help.
 *
 * @module
 */

import type { Command } from "./command.ts";
import { backupCommand } from "./commands/backup.ts";
import { benchCommand } from "./commands/bench.ts";
import { compactCommand } from "./commands/compact.ts";
import { conformanceCommand } from "./commands/conformance.ts";
import { deleteCommand } from "./commands/delete.ts";
import { dumpCommand } from "./commands/dump.ts";
import { getCommand } from "./commands/get.ts";
import { loadCommand } from "./commands/load.ts";
import { putCommand } from "./commands/put.ts";
import { scanCommand } from "./commands/scan.ts";
import { statCommand } from "./commands/stat.ts";
import { verifyCommand } from "./commands/verify.ts";

/** Every command. */
export const COMMANDS: readonly Command[] = [
  getCommand,
  putCommand,
  deleteCommand,
  scanCommand,
  loadCommand,
  dumpCommand,
  statCommand,
  verifyCommand,
  compactCommand,
  backupCommand,
  conformanceCommand,
  benchCommand,
];
