/**
 * Opening: choosing the meta page, syncing, reading the log, the first meta page, replay with
 * checkpoints, and the meta page that ends it.
 *
 * @module
 */

import { EPOCH_STEP, highest, type Meta } from "./contents.ts";
import { Damage, Violation } from "./history.ts";
import { LogScan, type Scan } from "./log_scan.ts";
import type { Task } from "./process.ts";
import { Store } from "./store.ts";
import type { ClosedState, Surroundings } from "./parts.ts";

/** What opening needs of its surroundings. */
export interface OpeningSurroundings extends Surroundings {
  store: Store | undefined;
  spawn(name: string, task: Task<void>): void;
  opened(): void;
}

/** The two meta pages that were read, and the slot of the newest. */
interface Found {
  readonly slots: readonly (Meta | undefined)[];
  readonly newest: number;
  readonly meta: Meta;
}

/** Opens the store for writing; when this is over it is up. */
export function* opening(world: OpeningSurroundings): Task<void> {
  const { disk, rules } = world;
  const found = readMetas(world);
  if (rules.openSyncs) {
    for (const file of [disk.data, disk.log]) {
      const call = disk.sync(file, true);
      while (!call.done) yield () => call.done;
      if (call.failed !== "") {
        world.fail();
        return;
      }
    }
  }
  const { meta } = found;
  const scan = new LogScan(world, meta).run();
  world.say(() => `the log holds ${scan.groups.length} whole groups behind the meta page`);
  const store = new Store(world, found.slots, found.newest, firstEpoch(world, found));
  world.store = store;
  yield* replayAll(world, store, meta, scan);
}

function readMetas(world: OpeningSurroundings): Found {
  const { disk, rules } = world;
  const slots = [0, 1].map((slot) => {
    const content = disk.data.at(slot);
    return content?.kind === "meta" ? content : undefined;
  });
  const [first, second] = slots;
  const newest = (first?.checkpoint ?? -1) > (second?.checkpoint ?? -1) ? 0 : 1;
  const meta = slots[newest];
  if (meta === undefined) throw new Damage("pages", "neither meta page is valid");
  const fellBack = slots[1 - newest] === undefined && meta.checkpoint > 1 && rules.fallbackSize;
  const pages = fellBack ? highest(meta.state.reached) + 1 : meta.state.pageCount;
  if (disk.data.size < Math.max(2, pages)) {
    throw new Damage("pages", `the file has ${disk.data.size} places where ${pages} belong`);
  }
  const pageCount = Math.min(meta.state.pageCount, disk.data.size);
  const used: Meta = { ...meta, state: { ...meta.state, pageCount } };
  world.say(() => `slot ${newest} counts: checkpoint ${meta.checkpoint}, salt ${meta.salt}`);
  return { slots: slots.map((slot) => slot === meta ? used : slot), newest, meta: used };
}

function firstEpoch(world: OpeningSurroundings, { slots, meta }: Found): number {
  const { rules } = world;
  if (!rules.epochLimit) return Math.max(meta.state.root.epoch, meta.state.index.epoch) + 1;
  const step = slots.includes(undefined) && rules.epochStep ? EPOCH_STEP : 0;
  return meta.epochLimit + step;
}

function* replayAll(world: OpeningSurroundings, store: Store, meta: Meta, scan: Scan): Task<void> {
  const { rules } = world;
  const { frames, log, metas, tree, checkpointer } = store;
  frames.work.reached = (tree.marked(meta.state)) >>> 0;
  const raised = rules.newSalt ? meta.salt + 1 : meta.salt;
  const empty = scan.groups.length === 0;
  const first = empty || !rules.saltLast ? raised : meta.salt;
  const alone = metas.slots.includes(undefined);
  yield* metas.write(meta.state, meta.group, meta.position, first);
  if (alone && rules.bothAtOpening) yield* metas.raiseLimit();
  for (const group of scan.groups) {
    for (const record of group.records) {
      if (record.kind === "commit") {
        frames.work.sequence = record.sequence;
      } else if (!(yield* store.writers.set(record.key, record.value, record.large))) {
        throw new Violation("full disk", "recovery finds no place for what it replays");
      }
    }
    if (group === scan.groups.at(-1)) break;
    const short = rules.recoveryRounds && (yield* store.free.short());
    if (!short && !world.chooser.once(3)) continue;
    const next = rules.replayFromMeta
      ? { group: group.number + 1, position: group.end }
      : { group: scan.group, position: scan.position };
    yield* checkpointer.run(() => ({ state: frames.freeze(), ...next }), { salt: first });
    if (short) yield* metas.raiseLimit();
  }
  log.reset(scan.position, scan.group, raised);
  const close = () => ({ state: frames.freeze(), group: scan.group, position: scan.position });
  if (!rules.acceptLast) {
    if (!empty) world.spawn("the end of opening", ended(store, close, raised));
  } else if (!empty) {
    while (!(yield* checkpointer.run(close, { salt: raised }))) yield undefined;
  }
  store.opening = false;
  world.opened();
}

function* ended(
  store: Store,
  close: () => ClosedState,
  salt: number,
): Task<void> {
  yield* store.checkpointer.run(close, { salt });
}
