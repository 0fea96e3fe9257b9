/**
 * Deterministic simulation: an Io whose disk forgets what was not synced, whose operations take
 * effect and complete in any order, and to which every kind of fault can happen. A seed decides all
 * of it, and gives the same run on every runtime.
 *
 * - {@link simulate} runs your own code on a store, crashes it at many places and lets you look
 *   whether your promises hold.
 * - {@link SimIo} is the Io itself, for tests of your own making.
 * - {@link live} plays whole lives of stores, drawn by {@link drawPlan} and compared with a
 *   {@link VersionedModel}: that is how kvig tests itself.
 *
 * @module
 */

export * from "../../core/public.ts";
export { Future, WriteBatch } from "../../core/io.ts";
export type { CallOptions, Io, IoFile, IoOpenOptions } from "../../core/io.ts";
export type { WorkingSizes } from "../../core/limits.ts";
export type { TearOptions } from "./cut.ts";
export { type Image, SimDisk } from "./disk.ts";
export { DiskFile, type Flaw, type Mutation, SECTOR_BYTES } from "./disk_file.ts";
export {
  type Fault,
  FAULT_KINDS,
  type FaultEntry,
  type FaultKind,
  type FaultRates,
  FAULTS,
  type FaultSource,
  NO_FAULTS,
  type OperationKind,
  type PlannedFault,
  PlannedFaults,
  RandomFaults,
  type SimOperation,
} from "./faults.ts";
export { SimIo } from "./io.ts";
export { KEY_SHAPES, type KeyShape } from "./keys.ts";
export { type LifeOptions, type LifeReport, live } from "./life.ts";
export { Violation } from "./calls.ts";
export { type Change, type Fate, type NameRange, VersionedModel } from "./model.ts";
export type { CallPlan, ChangePlan, LifePlan, RangePlan, Step, StepKind } from "./plan.ts";
export { type Blocking, type Outcome, type SimOptions, SimProcess } from "./process.ts";
export { type Profile, type ProfileName, PROFILES } from "./profile.ts";
export { Random } from "./random.ts";
export { LATENCIES, type Latency } from "./scheduler.ts";
export { shrink, type ShrinkOptions } from "./shrink.ts";
export {
  type Scenario,
  simulate,
  type SimulateOptions,
  type Simulation,
  SimulationError,
} from "./simulate.ts";
export { openTiny, openTinySync, type TinyOptions } from "./tiny_store.ts";
export { Trace } from "./trace.ts";
export { type DrawOptions, drawPlan, STEP_WEIGHTS, type StepWeights } from "./workload.ts";
