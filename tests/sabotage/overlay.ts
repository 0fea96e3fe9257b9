/**
 * Lays a patch over the engine while it is loaded: `node --import overlay.ts PROGRAM` with the
 * patch's name in `KVIG_SABOTAGE`. The files stay as they are, and every thread of the program gets
 * the same.
 *
 * Each file that was changed is named on standard error, which is how {@link ./trial.ts} knows that
 * a program ran with the patch.
 *
 * @module
 */

import { registerHooks } from "node:module";
import { resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { APPLIED, applyEdits, filesOf, PATCH_VARIABLE } from "./patch.ts";
import { PATCHES } from "./patches.ts";

const name = process.env[PATCH_VARIABLE];
const patch = PATCHES.find((each) => each.name === name);
if (patch === undefined) throw new Error(`there is no sabotage "${name}"`);

const root = resolve(import.meta.dirname, "../..");
const files = new Map(
  filesOf(patch).map((file) => [pathToFileURL(resolve(root, file)).href, file]),
);

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    const file = files.get(url);
    if (file === undefined) return loaded;
    const { source } = loaded;
    const text = typeof source === "string" ? source : new TextDecoder().decode(source);
    const changed = applyEdits(patch.name, file, text, patch.edits);
    console.error(`${APPLIED} ${file}`);
    return { ...loaded, source: changed };
  },
});
