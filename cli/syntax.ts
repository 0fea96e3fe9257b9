/**
 * What a command line may say: the shape of a command's arguments and options.
 *
 * @module
 */

/** An option of a command. */
export interface Option {
  /** The name, without its dashes. */
  readonly name: string;
  /** One letter that means the same. */
  readonly short?: string;
  /** What stands for the option's value in the help; without it the option takes none. */
  readonly value?: string;
  /** What it does, in one sentence or two. */
  readonly about: string;
}

/** What may follow the name of a command. */
export interface Syntax {
  /** The word that calls it. */
  readonly name: string;
  /** Its arguments in order: `NAME`, `[NAME]` for one to leave out, `NAME...` for one or more. */
  readonly operands: readonly string[];
  /** The options that it takes; `--help` is understood by each. */
  readonly options: readonly Option[];
}
