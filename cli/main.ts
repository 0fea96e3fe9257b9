#!/usr/bin/env node
/**
 * The program `kvig`: hands its arguments to {@link run} and ends with the code that it returns.
 *
 * @module
 */

import process from "node:process";

import { run } from "./run.ts";

process.exitCode = await run(process.argv.slice(2));
