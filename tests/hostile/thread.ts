/**
 * One thread of hostile inputs.
 *
 * @module
 */

import { serve } from "../support/parallel.ts";
import { carryOut } from "./plan.ts";

// Most inputs make errors: long stacks cost more than the inputs do.
Error.stackTraceLimit = 5;
serve(carryOut);
