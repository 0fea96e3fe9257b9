/**
 * Where to look: for each rule the actions that bring out what is lost without it. They make the
 * search fast; every oracle and every other action stays.
 *
 * @module
 */

import type { Oracle } from "./history.ts";
import type { RuleName } from "./rules.ts";

const HINTS: Partial<Record<RuleName, string>> = {
  bothMetas: "put checkpoint flipMeta spill cut",
  committedHeld: "begin set abort checkpoint evict",
  checkpointHeld: "put checkpoint cut",
  snapshotHeld: "snapshot readSnapshot put checkpoint evict",
  readInFlight: "evict readPage put checkpoint begin set commit",
  writeInFlight: "snapshot spill closeSnapshot put checkpoint evict check",
  maskPasses: "put checkpoint begin set cut go io",
  copyHeld: "put snapshot readSnapshot begin abort",
  copyWritten: "put spill checkpoint",
  epochMoves: "begin set spill abort put failPage",
  epochLimit: "begin set spill cut put",
  epochStep: "begin set spill close cut flipMeta",
  bothAtOpening: "begin set spill cut flipMeta",
  pageEpoch: "lose put checkpoint evict check",
  pageNumber: "misdirect put checkpoint evict check",
  runWritten: "putLarge checkpoint cut io go",
  runHeld: "putLarge readLarge put checkpoint delete",
  runChecksum: "lose putLarge check readLarge",
  olderSlot: "put checkpoint cut",
  nextNumber: "put close cut",
  pagesSynced: "put checkpoint cut",
  logSynced: "put flush checkpoint cut flipMeta",
  metaSynced: "put checkpoint cut",
  oneMoment: "put checkpoint cut io go",
  ringFreedLate: "put flush checkpoint cut io go",
  dropCheckpoint: "put checkpoint failPage evict check",
  chain: "begin set writeAhead abort commit flush cut",
  lastFlag: "begin set writeAhead cut",
  ownBlock: "put flush cut",
  newSalt: "put flush cut",
  blockSalt: "put flush cut",
  saltLast: "put flush cut io go",
  acceptLast: "put flush cut io go",
  newerSalt: "lose put flush close cut flipMeta",
  through: "put flush flipBlock cut",
  tornTail: "put flush begin set commit cut",
  throughEach: "put begin set writeAhead commit flush flipBlock cut",
  laterBlock: "put flush checkpoint lose flipMeta cut",
  blockPosition: "put flush misdirect begin set commit writeAhead abort cut",
  giveBack: "begin set writeAhead abort put flush cut",
  oneFlush: "begin set writeAhead abort put flush cut",
  syncAwaited: "put putBlocking flush failSync cut",
  failedSync: "put flush checkpoint failSync cut",
  hugeTurn: "begin set outgrow commit put flush cut",
  hugeWaits: "put checkpoint begin set outgrow commit cut",
  hugeTwice: "begin set outgrow commit cut flipMeta",
  hugeNumber: "put begin set outgrow commit flush cut flipMeta lose",
  hugeSyncs: "put begin set outgrow commit cut flipMeta",
  placeFirst: "put putLarge checkpoint",
  reserve: "put putLarge delete",
  twoRounds: "put putLarge delete checkpoint",
  recoveryRounds: "put putLarge delete flush cut",
  fullSync: "putLarge put checkpoint cut",
  adoptTail: "snapshot put checkpoint shorten delete putLarge",
  cutMetas: "put delete checkpoint close flipMeta putLarge",
  cutHolds: "snapshot readSnapshot put delete checkpoint shorten evict",
  cutReads: "evict readPage begin set commit put checkpoint shorten",
  cutTurn: "put checkpoint shorten cut evict check",
  trimHolds: "snapshot readSnapshot put delete checkpoint shorten move putLarge",
  compactTwice: "put delete checkpoint shorten flipMeta cut move",
  fallbackSize: "put delete checkpoint close flipMeta",
  openSyncs: "put flush kill cut checkpoint",
  replayFromMeta: "put flush cut io go",
};

/** The actions to try more often in search of what is lost without `rule`. */
export function hintsFor(rule: RuleName): readonly string[] {
  return HINTS[rule]?.split(" ") ?? [];
}

/** Oracles that show best what is lost, where several would complain. */
const SHOWN_BY: Partial<Record<RuleName, Oracle>> = {
  placeFirst: "full disk",
  copyWritten: "twice",
  reserve: "full disk",
  metaSynced: "acknowledged",
  cutReads: "false damage",
  twoRounds: "full disk",
  tornTail: "false damage",
  acceptLast: "false damage",
  writeInFlight: "false damage",
  pageEpoch: "wrong read",
  failedSync: "acknowledged",
};

/** The oracle whose complaint is looked for without `rule`; undefined where any will do. */
export function shownBy(rule: RuleName): Oracle | undefined {
  return SHOWN_BY[rule];
}

const ALL: readonly (readonly string[])[] = [
  [],
  ...Object.values(HINTS).map((hint) => hint.split(" ")),
];

/** The focus of the run with this seed, when all rules are on: each in its turn. */
export function focusOf(seed: number): readonly string[] {
  return ALL[Math.floor(seed / 6) % ALL.length];
}
