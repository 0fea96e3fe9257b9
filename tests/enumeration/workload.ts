/**
 * Workloads: sequences of shapes, their numbers, and how one is played.
 *
 * @module
 */

import { type Image, SimDisk } from "../sim/disk.ts";
import { type ProfileName, PROFILES } from "../sim/profile.ts";
import { type BaseStore, OPTIONS } from "./base_store.ts";
import { History } from "./history.ts";
import { type Look, Player } from "./player.ts";
import { FURTHER_SHAPES, shapeNamed, SHAPES } from "./shapes.ts";

/** Names of shapes in the order in which they are played; none for the creation of a store. */
export type Workload = readonly string[];

/**
 * All workloads, by their numbers: the creation of a store, the sequences of the ten shapes up to
 * `length`, and those sequences up to `furtherLength` in which a further shape occurs.
 */
export function allWorkloads(length: number, furtherLength: number): Workload[] {
  const ten = SHAPES.map(({ name }) => name);
  const further = FURTHER_SHAPES.map(({ name }) => name);
  const isFurther = (workload: Workload): boolean => workload.some((it) => further.includes(it));
  return [
    [],
    ...sequences(ten, length),
    ...sequences([...ten, ...further], furtherLength).filter(isFurther),
  ];
}

/** All sequences of `names` of up to `length`, shorter ones first. */
function sequences(names: readonly string[], length: number): Workload[] {
  const all: Workload[] = [];
  let longest: Workload[] = [[]];
  for (let i = 0; i < length; i++) {
    longest = longest.flatMap((workload) => names.map((name) => [...workload, name]));
    all.push(...longest);
  }
  return all;
}

/** What is played. */
export interface Playing {
  /** The store to begin with, unless it is created. */
  readonly base: BaseStore;
  /** The shapes. */
  readonly workload: Workload;
  /** What syncs keep. */
  readonly profile: ProfileName;
  /** What values follow from. */
  readonly seed: number;
  /** What the store must show; see {@link historyOf}. */
  readonly history: History;
  /** Told of every step of the last shape. */
  readonly look: Look;
}

/** The history that a workload begins with. */
export function historyOf(base: BaseStore, workload: Workload): History {
  return workload.length === 0 ? new History() : base.history.fork();
}

/**
 * Plays a workload to its end.
 * @throws {Error} where a shape does not do what its name says.
 */
export function play({ base, workload, profile, seed, history, look }: Playing): void {
  const image = workload.length === 0 ? {} : base.image;
  const copies = Object.entries(image).map(([name, bytes]) => [name, bytes.slice()]);
  const disk = new SimDisk(Object.fromEntries(copies), PROFILES[profile]);
  const player = new Player(disk, history, OPTIONS, seed + workload.length);
  if (workload.length === 0) {
    player.look = look;
    create(player);
  } else player.open();
  workload.forEach((name, i) => {
    const shape = shapeNamed(name);
    const before = player.stats;
    if (i === workload.length - 1) player.look = look;
    shape.play(player);
    if (!shape.did(before, player.stats)) {
      throw new Error(`${workload.slice(0, i + 1).join(", ")}: that was no ${name}`);
    }
  });
  player.look = undefined;
  if (player.breaches.length > 0) throw new Error(player.breaches[0]);
}

/** The first steps of every store. */
function create(player: Player): void {
  player.settle("at the beginning");
  player.open();
  player.put("k", player.value(10));
  player.close();
  player.open();
  player.put("l", player.value(10));
}

/** Opens what a crash left, as the crash number `depth` on the way. */
export function playRecovery(
  image: Image,
  profile: ProfileName,
  history: History,
  seed: number,
  depth: number,
  look: Look,
): void {
  // Another process finds other random numbers.
  const player = new Player(
    new SimDisk(image, PROFILES[profile]),
    history,
    OPTIONS,
    seed + depth * 1000,
  );
  player.look = look;
  player.open();
}
