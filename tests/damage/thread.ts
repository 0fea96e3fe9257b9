/**
 * One thread of the damage matrix.
 *
 * @module
 */

import { serve } from "../support/parallel.ts";
import { carryOut } from "./plan.ts";

// Most cases make errors: their stacks cost more than the cases. `--case` shows them.
Error.stackTraceLimit = 3;
serve(carryOut);
