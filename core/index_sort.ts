/**
 * Sorting indices by the numbers they stand for.
 *
 * @module
 */

const GAPS = [701, 301, 132, 57, 23, 10, 4, 1];

/**
 * Sorts the first `count` of `indices` by `keys[index]`, upwards.
 *
 * A Shell sort with the gaps of M. Ciura, "Best Increments for the Average Case of Shellsort"
 * (FCT 2001), stretched by 2.25: in place, nothing allocated, quick on what is nearly sorted.
 */
export function sortIndices(
  indices: Int32Array | Uint32Array,
  count: number,
  keys: Float64Array | Uint32Array,
): void {
  for (let gap = firstGap(count); gap > 0; gap = nextGap(gap)) {
    for (let place = gap; place < count; place++) {
      const index = indices[place];
      const key = keys[index];
      let hole = place;
      while (hole >= gap && keys[indices[hole - gap]] > key) {
        indices[hole] = indices[hole - gap];
        hole -= gap;
      }
      indices[hole] = index;
    }
  }
}

function firstGap(count: number): number {
  let gap = 701;
  while (gap * 2.25 < count) gap = Math.floor(gap * 2.25);
  return gap;
}

function nextGap(gap: number): number {
  if (gap > 701) return Math.max(701, Math.floor(gap / 2.25));
  return GAPS[GAPS.indexOf(gap) + 1] ?? 0;
}
