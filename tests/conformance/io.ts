/**
 * The cases of the contract between kvig and the world: one for each sentence of `core/io.ts`.
 *
 * @module
 */

import type { Case } from "./harness.ts";
import { argumentCases } from "./io_arguments.ts";
import { batchCases } from "./io_batches.ts";
import { byteCases } from "./io_bytes.ts";
import { closingCases } from "./io_closing.ts";
import { directCases } from "./io_direct.ts";
import { errorCases } from "./io_errors.ts";
import { futureCases } from "./io_futures.ts";
import { inFlightCases } from "./io_in_flight.ts";
import { lockCases } from "./io_locks.ts";
import { memoryCases } from "./io_memory.ts";
import { nameCases } from "./io_names.ts";
import { openingCases } from "./io_opening.ts";
import { serviceCases } from "./io_services.ts";
import { syncCases } from "./io_syncs.ts";

/** Every case about an Io, in the order of the contract. */
export const ioCases: readonly Case[] = [
  ...openingCases,
  ...nameCases,
  ...byteCases,
  ...batchCases,
  ...syncCases,
  ...inFlightCases,
  ...memoryCases,
  ...futureCases,
  ...directCases,
  ...lockCases,
  ...closingCases,
  ...errorCases,
  ...argumentCases,
  ...serviceCases,
];
