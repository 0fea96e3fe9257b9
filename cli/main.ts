#!/usr/bin/env node
/**
 * The program `kvig`: hands its arguments to {@link run} and ends with the code that it returns.
 *
 * @module
 */

import process from "node:process";

import { run } from "./run.ts";

/** Exit codes from here on stand for the signal that interrupted the program. */
const FIRST_SIGNAL_CODE = 128;

process.exitCode = await run(process.argv.slice(2));
// Whoever interrupts it does not want to wait: Deno would go on reading its standard input.
if (process.exitCode >= FIRST_SIGNAL_CODE) process.exit();
