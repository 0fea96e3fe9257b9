/**
 * Reading the log: where its good groups end, and whether what follows is a torn tail or damage.
 *
 * @module
 */

import type { Surroundings } from "./parts.ts";
import { type Block, type Content, type LogRecord, type Meta, RING_BLOCKS } from "./contents.ts";
import { Damage } from "./history.ts";

/** A whole group as it was found. */
export interface FoundGroup {
  readonly number: number;
  /** Position behind it. */
  readonly end: number;
  readonly records: readonly LogRecord[];
}

/** What the log holds behind a meta page. */
export interface Scan {
  readonly groups: readonly FoundGroup[];
  readonly position: number;
  readonly group: number;
}

function isBlock(content: Content): content is Block {
  return content?.kind === "block";
}

/** Reads the ring of a store. */
export class LogScan {
  readonly #world: Surroundings;
  readonly #meta: Meta;

  /** Behind the position of `meta`. */
  constructor(world: Surroundings, meta: Meta) {
    this.#world = world;
    this.#meta = meta;
  }

  /** Finds the good groups; throws where what follows is not a torn tail. */
  run(): Scan {
    const groups: FoundGroup[] = [];
    let { position, group } = this.#meta;
    while (position < this.#meta.position + RING_BLOCKS) {
      const blocks = this.#group(position, group);
      if (blocks.length === 0) break;
      position += blocks.length;
      const records = blocks.flatMap((block) => block.records);
      groups.push({ number: group, end: position, records });
      group++;
    }
    this.#examineRest(position, group);
    return { groups, position, group };
  }

  #belongs(block: Block, position: number, group: number, index: number): boolean {
    const { rules } = this.#world;
    return block.group === group && block.index === index &&
      (block.position === position || !rules.blockPosition) &&
      (block.salt === this.#meta.salt || !rules.blockSalt);
  }

  /** The blocks of a whole group; none where it is not whole. */
  #group(position: number, group: number): Block[] {
    const { disk, rules } = this.#world;
    const blocks: Block[] = [];
    while (blocks.length < RING_BLOCKS) {
      const block = disk.log.at((position + blocks.length) % RING_BLOCKS);
      const index = blocks.length;
      const fits = isBlock(block) && this.#belongs(block, position + index, group, index);
      if (!fits) return rules.lastFlag ? [] : blocks;
      if (index > 0 && block.chain !== blocks[index - 1].sum) {
        if (rules.chain) return rules.lastFlag ? [] : blocks;
        this.#world.mixed = `group ${group} is made of blocks of two writings`;
      }
      blocks.push(block);
      if (block.last) return blocks;
    }
    return [];
  }

  /** Looks at every block for proof that the log did not end here. */
  #examineRest(position: number, group: number): void {
    const { disk, rules } = this.#world;
    const { salt } = this.#meta;
    for (let place = 0; place < RING_BLOCKS; place++) {
      const block = disk.log.at(place);
      if (!isBlock(block) || block.index !== 0) continue;
      if (block.salt > salt && rules.newerSalt) {
        throw new Damage("log", `a block of the newer salt ${block.salt}: a meta page was lost`);
      }
      if (block.salt < salt && rules.blockSalt) continue;
      if (place === position % RING_BLOCKS && block.position > position && rules.laterBlock) {
        throw new Damage("log", "a later block where the log would end: a meta page was lost");
      }
      if (block.group <= group) continue;
      if (!rules.tornTail) throw new Damage("log", `group ${group} is bad, a later one is there`);
      if (rules.through && this.#through(block) >= group) {
        throw new Damage("log", `group ${group} is bad, a later one says that it was durable`);
      }
    }
  }

  /** The last group that any block of a group says was durable. */
  #through(first: Block): number {
    const { disk, rules } = this.#world;
    let { through } = first;
    if (!rules.throughEach) return through;
    for (let block = first; !block.last;) {
      const next = disk.log.at((block.position + 1) % RING_BLOCKS);
      if (!isBlock(next) || next.chain !== block.sum || next.index !== block.index + 1) break;
      through = Math.max(through, next.through);
      block = next;
    }
    return through;
  }
}
