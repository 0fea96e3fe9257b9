/**
 * The rules of the format and of commit, checkpoint, recovery, compaction and creation: each is a
 * switch of the model, with the sentence that states it.
 *
 * @module
 */

/** One rule. */
export interface Rule {
  /** The part of the design that it belongs to. */
  readonly part: string;
  /** The sentence that states it. */
  readonly text: string;
  /** What is lost without it, where the model shows it. */
  readonly without: string;
  /** Why the model finds nothing without it, where that is so. */
  readonly needless?: string;
}

const PLACES = "Places and epochs";
const LARGE_VALUES = "Large values";
const META = "Meta pages and checkpoints";
const LOG = "The log";
const TRANSACTIONS = "Large transactions";
/** The part about growing, cutting and a full disk. */
export const FILE = "The file's end and a full disk";
const OPENING = "Opening";
/** The part whose rules are searched exhaustively, in creation.ts. */
export const CREATION = "Creation and backups";

function table<Name extends string>(rules: Record<Name, Rule>): Readonly<Record<Name, Rule>> {
  return rules;
}

/** Every rule, by the name of its switch. */
export const RULES = table({
  bothMetas: {
    part: PLACES,
    text: "A place that either meta page reaches is not handed out, not only the newest one's.",
    without: "The newest meta page is damaged; the older one leads to pages written over.",
  },
  committedHeld: {
    part: PLACES,
    text: "Nor one that the last committed state reaches while a transaction is open.",
    without: "The transaction rolls back to pages that are gone.",
  },
  checkpointHeld: {
    part: PLACES,
    text: "Nor one that the state of a running checkpoint reaches.",
    without: "The checkpoint's meta page leads to pages of a later state.",
  },
  snapshotHeld: {
    part: PLACES,
    text: "Nor one that a snapshot reaches.",
    without: "The snapshot changes under its reader, or its pages are gone.",
  },
  readInFlight: {
    part: PLACES,
    text: "Nor one that is being read.",
    without: "The read finds another page there and reports damage that is none.",
  },
  writeInFlight: {
    part: PLACES,
    text: "Nor one that is being written.",
    without: "The old write, slower than the new one, lands on top of it.",
  },
  maskPasses: {
    part: PLACES,
    text: "What is free is found out by covering all states of one moment, and then those that " +
      "came up meanwhile.",
    without: "A checkpoint ends while maps are read: its state moves from one list to the other " +
      "and is not covered.",
  },
  copyHeld: {
    part: PLACES,
    text: "A page that a held state reaches is copied when it is changed.",
    without: "What is held changes: a rollback, a snapshot, a checkpoint shows later writes.",
  },
  copyWritten: {
    part: PLACES,
    text: "A page whose place was written is copied when it is changed.",
    without: "One number and epoch, two contents: if the second write is lost, the first passes " +
      "for it.",
  },
  epochMoves: {
    part: PLACES,
    text: "The epoch moves on before a place that may have been written under it is handed out.",
    without: "The same, by way of an abort or a dropped checkpoint.",
  },
  epochLimit: {
    part: PLACES,
    text: "Pages are written below the epoch limit of a durable meta page; opening begins at it.",
    without: "After a crash an epoch that reached the disk is used a second time.",
  },
  epochStep: {
    part: PLACES,
    text: "Where one of the two meta pages is not valid, opening begins a step above the limit.",
    without: "The damaged meta page had allowed these epochs: they are used a second time.",
  },
  bothAtOpening: {
    part: PLACES,
    text: "An opening that finds only one valid meta page writes both before anything else.",
    without: "A new store has only one: the next, damaged, leaves a limit that was raised by two " +
      "steps, and epochs are used a second time.",
  },
  pageEpoch: {
    part: PLACES,
    text: "References carry the epoch of the page that they mean.",
    without: "A lost write leaves an older page there, whose checksum fits.",
  },
  pageNumber: {
    part: PLACES,
    text: "A page carries its own number.",
    without: "A misdirected write leaves a whole page at another place, of the right epoch.",
  },
  runWritten: {
    part: LARGE_VALUES,
    text: "A large value is written before anything refers to it.",
    without: "A checkpoint syncs too early: its leaf is durable and the value is not.",
  },
  runHeld: {
    part: LARGE_VALUES,
    text: "Who reads a large value holds a state that reaches it.",
    without: "Its places are used for something else while it is read.",
  },
  runChecksum: {
    part: LARGE_VALUES,
    text: "The reference to a large value carries its checksum.",
    without: "A lost write is served: the run has no headers.",
  },
  runSeed: {
    part: LARGE_VALUES,
    text: "That checksum is seeded with number and epoch of the run.",
    without: "",
    needless: "Two writings with the same bytes are the same value, so whichever is found is " +
      "right. The seed makes `verify` strict and guards against equal checksums of different " +
      "values, which the model does not have.",
  },
  olderSlot: {
    part: META,
    text: "A meta page is written into the slot of the older one.",
    without: "A torn write destroys the only meta page that knows the last state.",
  },
  nextNumber: {
    part: META,
    text: "Every writing of a meta page takes the next checkpoint number, at opening too.",
    without: "Two meta pages claim the same number, and the older one may win.",
  },
  pagesSynced: {
    part: META,
    text: "The pages of a state are synced before its meta page is written.",
    without: "The disk keeps the meta page and not its pages.",
  },
  logSynced: {
    part: META,
    text: "The log is durable through the state's last group before its meta page is written.",
    without: "That meta page is damaged later; the older one replays a log with a hole and loses " +
      "acknowledged commits.",
  },
  metaSynced: {
    part: META,
    text: "A meta page counts when its sync is over: then the ring and places are given free.",
    without: "A cut brings the older meta page back, and what it needs was written over.",
  },
  oneMoment: {
    part: META,
    text: "Roots, group and position are taken at one moment, between two groups.",
    without: "A commit is neither in the pages nor behind the position.",
  },
  ringFreedLate: {
    part: META,
    text: "The ring is given free after the sync of the meta page.",
    without: "A crash in between finds the older meta page and its groups written over.",
  },
  dropCheckpoint: {
    part: META,
    text: "A page that cannot be written drops the checkpoint.",
    without: "The meta page leads to a page that was never written.",
  },
  chain: {
    part: LOG,
    text: "The checksum of a block is seeded with that of the block before it in its group.",
    without: "A group made of blocks of two writings counts as whole.",
  },
  lastFlag: {
    part: LOG,
    text: "The last block of a group says that it is the last.",
    without: "Half of a group counts as a whole one.",
  },
  ownBlock: {
    part: LOG,
    text: "A group starts with a block of its own.",
    without: "Adding to a durable block rewrites it: torn, it takes a durable commit with it.",
  },
  newSalt: {
    part: LOG,
    text: "Each opening gives its groups a new salt.",
    without: "The tail that was cut off is still there, and commits that were given up come back.",
  },
  blockSalt: {
    part: LOG,
    text: "A block counts only with the salt of the meta page.",
    without: "The same.",
  },
  saltLast: {
    part: LOG,
    text: "The salt is raised only by the meta page with which opening ends.",
    without: "A crash in recovery: the groups not yet replayed look like the end of the log.",
  },
  acceptLast: {
    part: LOG,
    text: "Nothing is committed before that meta page is durable.",
    without: "New groups carry a salt that no meta page knows.",
  },
  newerSalt: {
    part: LOG,
    text: "A block with a newer salt anywhere in the ring is damage.",
    without: "The meta page that named it was lost; the older one silently goes back in time.",
  },
  through: {
    part: LOG,
    text: "Blocks say what was known durable; a bad group that a later one calls durable is " +
      "damage.",
    without: "A damaged block of an acknowledged commit looks like a torn tail.",
  },
  tornTail: {
    part: LOG,
    text: "Where no later block says so it is a torn tail, even if later groups are whole.",
    without: "A power cut keeps a later block and not an earlier one: a healthy store is refused.",
  },
  throughEach: {
    part: LOG,
    text: "Of a later group every block counts as a witness, not only its first.",
    without: "The first block of a large transaction was written before its last, and knows less.",
  },
  laterBlock: {
    part: LOG,
    text: "A block of a later position where the log would end is damage.",
    without: "",
    needless: "It proves that the newest meta page was lost after its part of the ring had been " +
      "given free; but the next group then says durable through a group that is missing, so " +
      "the rule about witnesses reports it too. Kept because it names the reason.",
  },
  blockPosition: {
    part: LOG,
    text: "A block carries its position.",
    without: "",
    needless: "Group numbers and the salt already tell a misdirected or stale block apart. The " +
      "position makes the check of each block independent of its neighbours.",
  },
  giveBack: {
    part: LOG,
    text: "An abandoned group gives its number and its position back.",
    without: "Replay stops at the gap, and everything behind it is lost.",
  },
  oneFlush: {
    part: LOG,
    text: "A position is not written while an older write of it is in flight.",
    without: "The older write lands last.",
  },
  syncAwaited: {
    part: LOG,
    text: "A commit that cannot wait is refused while a flush is in flight.",
    without: "The failure of that flush's sync is not seen: its own sync succeeds and means less.",
  },
  failedSync: {
    part: LOG,
    text: "A failed sync is never repeated; its store is never used again.",
    without: "The system reports a failure once: the next sync succeeds and means nothing.",
  },
  hugeTurn: {
    part: TRANSACTIONS,
    text: "A transaction that commits by a checkpoint keeps the turn until it is durable.",
    without: "A commit behind it becomes durable before it does: after a crash its group is " +
      "there, and that of the transaction is not.",
  },
  hugeWaits: {
    part: TRANSACTIONS,
    text: "It waits for a running checkpoint.",
    without: "The meta page of the older state is written after its own.",
  },
  hugeTwice: {
    part: TRANSACTIONS,
    text: "It is acknowledged when both meta pages carry it.",
    without: "Its records are in no log: a single damaged meta page takes it back.",
  },
  hugeNumber: {
    part: TRANSACTIONS,
    text: "It takes the number of a group and leaves none: no older state is carried on across it.",
    without: "",
    needless:
      "Both meta pages carry such a transaction, and the model damages or loses one thing " +
      "in a run. A disk that acknowledges syncs and keeps nothing loses both and keeps the log: " +
      "without the rule the commits behind the transaction are then done again without it.",
  },
  hugeSyncs: {
    part: TRANSACTIONS,
    text: "Before that the groups before it are synced.",
    without: "",
    needless: "The checkpoint itself syncs the log through the last group of its state. Done " +
      "before, it only keeps the time short in which the state is closed.",
  },
  placeFirst: {
    part: FILE,
    text: "Every page that may become dirty has its place beforehand; the file grows for it then.",
    without: "A checkpoint meets a full disk, when only it could free space.",
  },
  reserve: {
    part: FILE,
    text: "The last places serve only deletes and recovery.",
    without: "A full store cannot be emptied: a delete finds no place to copy to.",
  },
  twoRounds: {
    part: FILE,
    text: "Where places are short, a checkpoint is made and the meta page written twice.",
    without: "What only the older meta page reaches is never free, and a delete finds no place.",
  },
  recoveryRounds: {
    part: FILE,
    text:
      "Recovery does the same: between two groups it makes a checkpoint, within one it writes " +
      "the meta page again.",
    without: "Its checkpoints hold more places than those of the store that was killed: it finds " +
      "none, and the store cannot be opened.",
  },
  fullSync: {
    part: FILE,
    text: "A sync of data is a full one where the file grew.",
    without: "The meta page is durable and the end of the file is not.",
  },
  adoptTail: {
    part: FILE,
    text: "What the file has behind the page count is taken into use before zeros are written.",
    without:
      "The page count was lowered, the file is as long as before: zeros land on pages that " +
      "some state reaches.",
  },
  cutMetas: {
    part: FILE,
    text: "The file is not cut before the last page that either meta page reaches.",
    without: "The newest meta page is damaged; the older one leads behind the end of the file.",
  },
  cutHolds: {
    part: FILE,
    text: "Nor before the last one that a snapshot reaches.",
    without: "The snapshot's pages are gone.",
  },
  cutReads: {
    part: FILE,
    text: "Nor before a page that is being read.",
    without: "The read finds the end of the file and reports damage that is none.",
  },
  cutTurn: {
    part: FILE,
    text: "The file is cut in the writer's turn.",
    without: "A writer takes a place, writes it, and it is cut off.",
  },
  trimHolds: {
    part: FILE,
    text: "The page count is not lowered below what a held state reaches.",
    without: "",
    needless: "The file itself is not cut there, and growing takes its tail into use before it " +
      "writes zeros: either of the two rules is enough.",
  },
  compactTwice: {
    part: FILE,
    text: "compact() writes its meta page twice before it cuts.",
    without: "",
    needless: "The cut never goes below what the older meta page reaches. Writing it twice only " +
      "lets the file become as short as it can be.",
  },
  fallbackSize: {
    part: OPENING,
    text: "Where the older meta page must do, the highest page that it reaches is compared with " +
      "the file's length, not its page count.",
    without: "The newest one, now damaged, had cut the file: a whole store is refused.",
  },
  openSyncs: {
    part: OPENING,
    text: "Opening for writing syncs both files first.",
    without: "What a killed process wrote is visible and not durable: it is built upon, and gone " +
      "with a power cut.",
  },
  replayFromMeta: {
    part: OPENING,
    text: "A checkpoint in recovery names the group behind the last one replayed.",
    without: "A crash in recovery: groups are replayed twice, or never.",
  },
  logFirst: {
    part: CREATION,
    text: "The log is whole and durable before the first meta page.",
    without: "A cut leaves a valid data file without its log, like one whose log was lost.",
  },
  namesFirst: {
    part: CREATION,
    text: "The names are durable before the first meta page.",
    without: "The same: the log's name is missing.",
  },
  sizeFirst: {
    part: CREATION,
    text: "The file has two durable pages of zeros before the first meta page is written.",
    without: "A meta page in a file that is too short is damage.",
  },
  emptyFirst: {
    part: CREATION,
    text: "What an earlier creation left in the data file is cut off before the log is made.",
    without: "A creation cut off leaves a meta page beside a log that is being made anew.",
  },
  blankLog: {
    part: CREATION,
    text: "A file without a valid meta page is made anew only beside a log without any block.",
    without: "A data file destroyed by accident is replaced by an empty one.",
  },
  strayLog: {
    part: CREATION,
    text: "A data file that is missing or empty is made only where no log with blocks lies there.",
    without: "The same, where the data file was removed.",
  },
  logWhole: {
    part: CREATION,
    text: "A valid data file whose log is missing or of another size is damage.",
    without: "Commits that only the log held are lost in silence.",
  },
  noLogProof: {
    part: CREATION,
    text: "A backup's “no log yet” counts only while no block of this store lies beside it.",
    without: "The meta page that ended it is damaged: the log with its commits is thrown away.",
  },
  noLogOnce: {
    part: CREATION,
    text: "The first meta page of an opening takes “no log yet” back.",
    without: "The next opening throws the log and its commits away.",
  },
});

/** The name of a rule. */
export type RuleName = keyof typeof RULES;
/** Which rules are on. */
export type RuleSet = Readonly<Record<RuleName, boolean>>;

/** The names of all rules, in order. */
export const RULE_NAMES: readonly RuleName[] = Object.keys(RULES).filter(isRuleName);

/** Whether `name` is that of a rule. */
export function isRuleName(name: string): name is RuleName {
  return Object.hasOwn(RULES, name);
}

/** All rules on, but the ones named. */
export function rulesWithout(...off: RuleName[]): RuleSet {
  const set: Partial<Record<RuleName, boolean>> = {};
  for (const name of RULE_NAMES) set[name] = !off.includes(name);
  return set as RuleSet;
}
