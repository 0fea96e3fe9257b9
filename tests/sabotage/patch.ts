/**
 * What a patch is: one small thing that is wrong with the engine, as data, and who must notice.
 *
 * @module
 */

/** The variable that names the patch which a process runs with. */
export const PATCH_VARIABLE = "KVIG_SABOTAGE";
/** What a line of its standard error begins with that names a file which was changed. */
export const APPLIED = "sabotage applied:";
/** The line that a general detector prints when its modules, with the engine, are loaded. */
export const BEGUN = "begun";

/** One place of the sources that is changed. */
export interface Edit {
  /** The file, from the root of the repository. */
  readonly file: string;
  /** What is replaced: it must stand there exactly once. */
  readonly find: string;
  /** What stands there instead. */
  readonly put: string;
}

/** The detectors that know nothing of the patches: they compare whole stores with models. */
export const GENERAL = ["sim", "crash", "errors", "damage"] as const;

/** Name of a general detector. */
export type GeneralName = typeof GENERAL[number];

/** A general detector that is known to notice, and at which of its cases. */
export interface GeneralCatcher {
  /** Its name. */
  readonly by: GeneralName;
  /** A case that is known to notice: the first one that is tried. */
  readonly at: number;
}

/** A test that is known to notice. */
export interface TestCatcher {
  /** The file, below tests/. */
  readonly file: string;
  /** The name of the test. */
  readonly test: string;
}

/** One thing that is wrong. */
export interface Patch {
  /** Its name, for the command line. */
  readonly name: string;
  /** What is broken, in one sentence. */
  readonly breaks: string;
  /** How. */
  readonly edits: readonly Edit[];
  /** The general detector that notices first; undefined where none does. */
  readonly general?: GeneralCatcher;
  /** The test that is about what is broken; without a general detector it must be there. */
  readonly test?: TestCatcher;
}

/** Makes an edit. */
export function edit(file: string, find: string, put: string): Edit {
  return { file: `core/${file}.ts`, find, put };
}

/**
 * Makes the edits of one file.
 * @throws {Error} where what is to be replaced does not stand there exactly once.
 */
export function applyEdits(
  name: string,
  file: string,
  source: string,
  edits: readonly Edit[],
): string {
  let text = source;
  for (const { find, put } of edits.filter((edit) => edit.file === file)) {
    const count = text.split(find).length - 1;
    if (count !== 1) {
      throw new Error(
        `sabotage "${name}" does not apply: what it replaces stands ${count} times in ${file}, ` +
          `and must stand there once: ${JSON.stringify(find)}`,
      );
    }
    text = text.replace(find, () => put);
  }
  if (text === source) {
    throw new Error(`sabotage "${name}" changes nothing in ${file}`);
  }
  return text;
}

/** The files that a patch changes. */
export function filesOf({ edits }: Patch): string[] {
  return [...new Set(edits.map(({ file }) => file))];
}
