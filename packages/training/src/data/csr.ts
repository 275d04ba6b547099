/** Lists of different lengths, end to end: list i is values[offsets[i]] … values[offsets[i + 1] - 1]. */
export interface Csr {
  /** (count + 1) */
  readonly offsets: Uint32Array;
  readonly values: Uint32Array;
}

/** The lists behind one another. */
export function toCsr(lists: readonly ArrayLike<number>[]): Csr {
  return joinLists(lists.length, (visit) => {
    for (const [i, list] of lists.entries()) visit(i, list);
  });
}

/** List i, as a view. */
export function listOf(csr: Csr, i: number): Uint32Array {
  return csr.values.subarray(csr.offsets[i], csr.offsets[i + 1]);
}

/** `count` lists without values. */
export function emptyLists(count: number): Csr {
  return { offsets: new Uint32Array(count + 1), values: new Uint32Array(0) };
}

/** Numbers, and others behind them. */
export function joined(first: Uint32Array, second: Uint32Array): Uint32Array {
  if (second.length === 0) return first;
  const all = new Uint32Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

/** How often each number below `size` occurs. */
export function countsOf(numbers: Iterable<number>, size: number): Uint32Array {
  const counts = new Uint32Array(size);
  for (const number of numbers) counts[number]!++;
  return counts;
}

/** Where the list of each group starts among all positions by group, and the end of the last: (count + 1). */
export function groupStarts(group: Uint32Array, count: number): Uint32Array {
  const offsets = new Uint32Array(count + 1);
  for (const g of group) if (g < count) offsets[g + 1]!++;
  return summedUp(offsets);
}

/**
 * Positions by group: list g holds every position p with group[p] == g, in the order of `sequence`.
 *
 * @param group group of each position; one of `count` or more is in no list
 * @param sequence all positions in the order they are to keep; default 0, 1, 2, …
 */
export function groupBy(group: Uint32Array, count: number, sequence?: Uint32Array): Csr {
  const offsets = groupStarts(group, count);
  const values = new Uint32Array(offsets[count]!);
  const next = offsets.slice(0, count);
  for (let i = 0; i < group.length; i++) {
    const position = sequence ? sequence[i]! : i;
    const g = group[position]!;
    if (g < count) values[next[g]!++] = position;
  }
  return { offsets, values };
}

/**
 * The lists that each value is in, ascending, and where in `lists.values` it stands in each of them.
 *
 * @param count values are below it
 */
export function invert(lists: Csr, count: number): Csr & { readonly positions: Uint32Array } {
  const { offsets, values: positions } = groupBy(lists.values, count);
  const owner = new Uint32Array(lists.values.length);
  for (let i = 0; i + 1 < lists.offsets.length; i++) owner.fill(i, lists.offsets[i], lists.offsets[i + 1]);
  return { offsets, values: positions.map((position) => owner[position]!), positions };
}

/**
 * Strings together the lists of each group.
 *
 * @param each visits every list with its group, in the same order each of the two times it is called
 */
export function joinLists(count: number, each: (visit: (group: number, list: ArrayLike<number>) => void) => void): Csr {
  const offsets = new Uint32Array(count + 1);
  each((group, list) => {
    offsets[group + 1]! += list.length;
  });
  const values = new Uint32Array(summedUp(offsets)[count]!);
  const next = offsets.slice();
  each((group, list) => {
    values.set(list, next[group]!);
    next[group]! += list.length;
  });
  return { offsets, values };
}

/** Turns the length of each list, one place further on, into where the lists start. */
function summedUp(lengths: Uint32Array): Uint32Array {
  for (let i = 1; i < lengths.length; i++) lengths[i]! += lengths[i - 1]!;
  return lengths;
}

/** Collects lists one value at a time, in typed arrays that grow. */
export class CsrBuilder {
  readonly #ends = [0];
  #buffer = new Uint32Array(1024);
  #length = 0;

  push(value: number): void {
    if (this.#length === this.#buffer.length) {
      const larger = new Uint32Array(2 * this.#length);
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    this.#buffer[this.#length++] = value;
  }

  /** Ends the list at hand. */
  end(): void {
    this.#ends.push(this.#length);
  }

  /** Values of the list at hand so far. */
  get pending(): number {
    return this.#length - this.#ends.at(-1)!;
  }

  /** Forgets the list at hand. */
  drop(): void {
    this.#length = this.#ends.at(-1)!;
  }

  /** All lists that were ended. */
  build(): Csr {
    return { offsets: new Uint32Array(this.#ends), values: this.#buffer.slice(0, this.#length) };
  }
}
