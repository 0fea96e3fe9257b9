/**
 * Steps of a life that look after the store: flush, checkpoint, compact, verify, backup.
 *
 * @module
 */

import { Violation } from "./calls.ts";
import type { LifeContext } from "./context.ts";
import { sumOf } from "./model.ts";
import type { Step } from "./plan.ts";
import { openTiny } from "./tiny_store.ts";

/** Makes durable what was applied so far, in one of two ways. */
export function secure(life: LifeContext, step: Step, how: "flush" | "checkpoint"): void {
  const version = life.settledVersion;
  const { store } = life;
  const sync = step.sync === true;
  const make = (): void | Promise<void> => {
    if (how === "flush") return sync ? store.flushSync() : store.flush();
    return sync ? store.checkpointSync() : store.checkpoint();
  };
  life.call(how, sync, make, () => {
    if (version > life.acknowledged) life.acknowledged = version;
  });
}

/** Compacts. */
export function compact(life: LifeContext, step: Step): void {
  const { store } = life;
  const sync = step.sync === true;
  life.call("compact", sync, () => sync ? store.compactSync() : store.compact(), () => {});
}

/** Verifies; damage is reported where there may be some. */
export function verify(life: LifeContext, step: Step): void {
  const { store } = life;
  const sync = step.sync === true;
  life.call("verify", sync, () => sync ? store.verifySync() : store.verify(), ({ problems }) => {
    const { damaged, faults } = life.excuses();
    const [problem] = problems;
    const excused = damaged || faults.size > 0;
    if (problem !== undefined && !excused) {
      throw new Violation(
        `verify() finds page ${problem.page} of ${problem.file}: ${problem.what}`,
      );
    }
  });
}

/** Makes a backup, opens it as a store, and removes it. */
export function backup(life: LifeContext, step: Step): void {
  const { store, io } = life;
  const path = `backup-${life.calls}`;
  const first = life.settledVersion;
  const versions = life.versionsFrom(first);
  const sync = step.sync === true;
  const remove = (): void => {
    for (const name of [path, `${path}-wal`]) io.disk.files.delete(name);
  };
  const make = (): void | Promise<void> => sync ? store.backupSync(path) : store.backup(path);
  life.call("backup", sync, make, () => {
    life.call("open the backup", false, async () => {
      const copy = await openTiny(io, path, { pageSize: life.plan.pageBytes, lock: false });
      const entries = await copy.range().toArray();
      await copy.close();
      return entries;
    }, (entries) => {
      remove();
      const sum = sumOf(entries);
      const { model } = life;
      const shown = versions.some((version) =>
        model.sum(version) === sum && model.count(version) === entries.length
      );
      if (!shown) throw new Violation(`a backup shows ${entries.length} entries of no version`);
    }, remove);
  }, remove);
}
