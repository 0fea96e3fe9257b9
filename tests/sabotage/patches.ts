/**
 * All patches.
 *
 * @module
 */

import type { Patch } from "./patch.ts";
import { LOG_PATCHES } from "./patches_log.ts";
import { META_PATCHES } from "./patches_meta.ts";
import { PAGE_PATCHES } from "./patches_pages.ts";
import { PLACE_PATCHES } from "./patches_places.ts";
import { SYNC_PATCHES } from "./patches_syncs.ts";
import { USE_PATCHES } from "./patches_use.ts";

/** Every patch, by theme. */
export const PATCHES: readonly Patch[] = [
  ...SYNC_PATCHES,
  ...LOG_PATCHES,
  ...META_PATCHES,
  ...PAGE_PATCHES,
  ...PLACE_PATCHES,
  ...USE_PATCHES,
];
