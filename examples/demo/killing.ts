/**
 * Starting a process that writes, and killing it in mid-flight.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";

const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
const child = fileURLToPath(new URL(`writing_child.${extension}`, import.meta.url));

/** Lets another process write to the store at `path` and kills it; the writes it had confirmed. */
export async function writeAndKill(path: string, afterWrites: number): Promise<Set<number>> {
  const writer = spawn(process.execPath, [child, path], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  let confirmed = 0;
  writer.stdout.on("data", (bytes: Uint8Array) => {
    text += String(bytes);
    confirmed = text.split("\n").length - 1;
    if (confirmed >= afterWrites) writer.kill("SIGKILL");
  });
  const [code, signal] = await once(writer, "close") as [number | null, string | null];
  if (signal !== "SIGKILL") throw new Error(`the writing process ended by itself with ${code}`);
  return new Set(text.split("\n").slice(0, -1).map(Number));
}
