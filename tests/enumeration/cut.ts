/**
 * One way in which a power cut can treat what is pending on a disk, as data.
 *
 * @module
 */

/** How a write is torn. */
export type TearShape =
  /** Sectors before this one are there. */
  | "sectors before"
  /** Sectors from this one on are there. */
  | "sectors from"
  /** All sectors but this one are there. */
  | "all sectors but"
  /** This sector alone is there. */
  | "only sector"
  /** Every second sector is there, this one (0 or 1) the first of them. */
  | "every second sector from"
  /** Sectors before this one, and of it the first bytes; the rest of it is old. */
  | "old from byte"
  /** Sectors before this one, and of it the last bytes; what comes before is old. */
  | "new from byte"
  /** All sectors, but this one is garbage from a byte on. */
  | "garbage from byte"
  /** All sectors, but this one is zeros from a byte on. */
  | "zeros from byte";

/** What is left of one write. */
export interface Tear {
  /** Which mutation, in the order of {@link Cut.kept}. */
  readonly mutation: number;
  /** How. */
  readonly shape: TearShape;
  /** Which of its sectors, from 0. */
  readonly sector: number;
  /** Which byte of the sector, where a shape wants one. */
  readonly byte?: number;
}

/** What stands where a file grew and its data did not arrive. */
export type Fill = "zeros" | "garbage" | "pages" | "meta page" | "log blocks";

/** The fills. */
export const FILLS: readonly Fill[] = ["zeros", "garbage", "pages", "meta page", "log blocks"];

/** What a power cut does to everything that is pending. */
export interface Cut {
  /**
   * For each pending mutation, in the order in which they were issued: "1" when it is kept, "0"
   * when it is not. Of one that is torn it does not matter.
   */
  readonly kept: string;
  /** A write that is kept in part. */
  readonly tear?: Tear;
  /** The file whose size is another than what is kept makes it. */
  readonly sizeOf?: string;
  /** Its size, in bytes. */
  readonly size?: number;
  /** What fills grown files where nothing was kept. Default: zeros. */
  readonly fill?: Fill;
  /** Files whose names are not durable and gone. */
  readonly missing?: readonly string[];
  /** Files whose names were removed and are back. */
  readonly back?: readonly string[];
}
