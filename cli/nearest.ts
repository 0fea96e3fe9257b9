/**
 * Finds the word that a mistyped one was meant to be.
 *
 * @module
 */

/** The one of `words` nearest to `given`, if any is near. */
export function nearest(given: string, words: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.ceil(given.length / 2));
  for (const word of words) {
    const distance = word.startsWith(given) && given !== "" ? 0 : editDistance(given, word);
    if (distance > least || (distance === least && best !== undefined)) continue;
    [best, least] = [word, distance];
  }
  return best;
}

/** How many letters must be put in, taken out, replaced or swapped with the next. */
export function editDistance(a: string, b: string): number {
  let [before, row] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        next[j] = Math.min(next[j], before[j - 2] + 1);
      }
    }
    [before, row] = [row, next];
  }
  return row[b.length];
}
