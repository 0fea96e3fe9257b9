/**
 * The tables of docs/format.md: read out of the Markdown, and used to read bytes.
 *
 * @module
 */

/** One table: its columns, and its rows by column. */
export interface Table {
  /** Names of the columns. */
  readonly columns: readonly string[];
  /** The rows. */
  readonly rows: readonly Readonly<Record<string, string>>[];
}

/** Values of the letters in offsets and sizes. */
export type Names = Readonly<Record<string, number>>;

const cellsOf = (line: string): string[] => line.split("|").slice(1, -1).map((cell) => cell.trim());

/** The tables of a Markdown text, in their order, by the heading they stand under. */
export function readTables(markdown: string): Map<string, Table[]> {
  const tables = new Map<string, Table[]>();
  const lines = markdown.split("\n");
  let heading = "";
  for (let i = 0; i < lines.length; i++) {
    const title = /^#+ +(.*)$/.exec(lines[i])?.[1];
    if (title !== undefined) heading = title;
    if (!lines[i].startsWith("|")) continue;
    const columns = cellsOf(lines[i]);
    const rows: Record<string, string>[] = [];
    for (i += 2; lines[i]?.startsWith("|") === true; i++) {
      rows.push(Object.fromEntries(cellsOf(lines[i]).map((cell, at) => [columns[at], cell])));
    }
    tables.set(heading, [...(tables.get(heading) ?? []), { columns, rows }]);
  }
  return tables;
}

/** An offset or a size: a sum of a number and of multiples of letters. */
class Sum {
  readonly #plain: number;
  readonly #letters: readonly { readonly letter: string; readonly factor: number }[];

  /** Understands text such as `32 + 4n` or `5 + s`. */
  constructor(text: string) {
    let plain = 0;
    const letters: { letter: string; factor: number }[] = [];
    for (const term of text.split("+").map((part) => part.trim())) {
      const [, factor, letter] = /^(\d*)([a-z]?)$/.exec(term) ?? [];
      if (factor === undefined || letter === undefined || term === "") {
        throw new Error(`docs/format.md: "${text}" is no offset or size`);
      }
      if (letter === "") plain += Number(factor);
      else letters.push({ letter, factor: factor === "" ? 1 : Number(factor) });
    }
    this.#plain = plain;
    this.#letters = letters;
  }

  /** Its value. */
  of(names: Names): number {
    let sum = this.#plain;
    for (const { letter, factor } of this.#letters) {
      if (names[letter] === undefined) throw new Error(`docs/format.md: the letter ${letter}`);
      sum += factor * names[letter];
    }
    return sum;
  }
}

interface Field {
  readonly offset: Sum;
  readonly size: Sum;
  readonly meaning: string;
}

/** A table of fields or arrays with their offsets and sizes. */
export class Layout {
  /** Names of the fields; where several are called "reserved", they are numbered. */
  readonly fields: readonly string[];
  readonly #rows = new Map<string, Field>();

  /** Takes the first column that is neither offset nor size for the names. */
  constructor(table: Table) {
    const named = table.columns.find((column) => column !== "offset" && column !== "size");
    for (const row of table.rows) {
      const name = row[named!];
      const unique = this.#rows.has(name) ? `${name} ${this.#rows.size}` : name;
      const [offset, size] = [new Sum(row["offset"]), new Sum(row["size"])];
      this.#rows.set(unique, { offset, size, meaning: row["meaning"] });
    }
    this.fields = [...this.#rows.keys()];
  }

  /** Where a field begins. */
  offset(field: string, names: Names = {}): number {
    return this.#row(field).offset.of(names);
  }

  /** How many bytes it has. */
  size(field: string, names: Names = {}): number {
    return this.#row(field).size.of(names);
  }

  /** What the document says of it. */
  meaning(field: string): string {
    return this.#row(field).meaning;
  }

  /** What the document says of each bit of a field, from bit 0 on. */
  bits(field: string): string[] {
    const found = [...this.meaning(field).matchAll(/bit (\d+): ([^;]+)/g)];
    return found.map(([, bit, meaning], index) => {
      if (Number(bit) !== index) throw new Error(`docs/format.md: bits of ${field} out of order`);
      return meaning.trim();
    });
  }

  /** Where the last field ends; throws where a field does not begin where the one before ends. */
  end(names: Names): number {
    let end = 0;
    for (const field of this.fields) {
      if (this.offset(field, names) !== end) {
        throw new Error(
          `docs/format.md: ${field} begins at ${this.offset(field, names)}, not ${end}`,
        );
      }
      end += this.size(field, names);
    }
    return end;
  }

  /** The number in a field of `bytes`, whose layout begins at `base`. */
  number(bytes: Uint8Array, base: number, field: string, names: Names = {}): number {
    const at = base + this.offset(field, names);
    let value = 0;
    for (let i = this.size(field, names) - 1; i >= 0; i--) value = value * 256 + bytes[at + i];
    return value;
  }

  /** The bytes of a field. */
  slice(bytes: Uint8Array, base: number, field: string, names: Names = {}): Uint8Array {
    const at = base + this.offset(field, names);
    return bytes.slice(at, at + this.size(field, names));
  }

  /** The number in a field of fixed size, or the bytes of one that holds no number. */
  value(bytes: Uint8Array, base: number, field: string, names: Names = {}): number | number[] {
    const plain = /^(magic|file id|suffix|value|reserved.*)$/.test(field);
    if (plain) return [...this.slice(bytes, base, field, names)];
    return this.number(bytes, base, field, names);
  }

  #row(field: string): Field {
    const row = this.#rows.get(field);
    if (row === undefined) throw new Error(`docs/format.md has no field "${field}"`);
    return row;
  }
}
