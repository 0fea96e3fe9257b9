/**
 * Profiles: how much a simulated system keeps of what nobody asked it to keep.
 *
 * @module
 */

/** The name of a profile. */
export type ProfileName = "posix" | "paranoid" | "liar";

/** What a sync makes durable besides the bytes that were written. */
export interface Profile {
  /** Its name. */
  readonly name: ProfileName;
  /** Whether a data sync keeps a size that is needed to read what was written. */
  readonly sizeWithData: boolean;
  /** Whether a full sync of a file keeps its name. */
  readonly nameWithFull: boolean;
  /** Whether syncs succeed and keep nothing. */
  readonly lies: boolean;
}

/**
 * The profiles by name. `posix` does what local file systems do. `paranoid` does what the standard
 * says and no more: a size is kept by a full sync, a name by a sync of the directory. `liar` is a
 * disk or system that acknowledges syncs and drops them: no store survives that, but it must notice
 * when it opens and never give a wrong answer.
 */
export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  posix: { name: "posix", sizeWithData: true, nameWithFull: true, lies: false },
  paranoid: { name: "paranoid", sizeWithData: false, nameWithFull: false, lies: false },
  liar: { name: "liar", sizeWithData: true, nameWithFull: true, lies: true },
};
