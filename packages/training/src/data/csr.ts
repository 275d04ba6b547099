/**
 * Lists of integers of different lengths behind one another: list i is values[offsets[i]] … values[offsets[i + 1] - 1].
 */
export interface Csr {
  /** (count + 1) */
  readonly offsets: Uint32Array;
  readonly values: Uint32Array;
}

export function toCsr(lists: readonly ArrayLike<number>[]): Csr {
  const offsets = new Uint32Array(lists.length + 1);
  lists.forEach((list, i) => {
    offsets[i + 1] = offsets[i]! + list.length;
  });
  const values = new Uint32Array(offsets[lists.length]!);
  lists.forEach((list, i) => {
    values.set(list, offsets[i]!);
  });
  return { offsets, values };
}

/** List i, as a view. */
export function listOf(csr: Csr, i: number): Uint32Array {
  return csr.values.subarray(csr.offsets[i], csr.offsets[i + 1]);
}

/** `count` lists without values. */
export function emptyLists(count: number): Csr {
  return { offsets: new Uint32Array(count + 1), values: new Uint32Array(0) };
}

/**
 * Positions by group: list g holds every position p of `sequence` with group[p] == g, in the order of `sequence`.
 *
 * @param group group of each position; one of `count` or more is in no list
 * @param sequence positions in the order they are to keep; default 0, 1, 2, …
 */
export function groupBy(group: Uint32Array, count: number, sequence?: Uint32Array): Csr {
  const offsets = new Uint32Array(count + 1);
  const length = sequence?.length ?? group.length;
  for (let i = 0; i < length; i++) {
    const g = group[sequence ? sequence[i]! : i]!;
    if (g < count) offsets[g + 1]!++;
  }
  for (let g = 0; g < count; g++) offsets[g + 1]! += offsets[g]!;
  const values = new Uint32Array(offsets[count]!);
  const next = offsets.slice(0, count);
  for (let i = 0; i < length; i++) {
    const position = sequence ? sequence[i]! : i;
    const g = group[position]!;
    if (g < count) values[next[g]!++] = position;
  }
  return { offsets, values };
}

/** Collects lists one value at a time, in typed arrays that grow. */
export class CsrBuilder {
  readonly #ends: number[] = [];
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
    return this.#length - (this.#ends.at(-1) ?? 0);
  }

  /** Forgets the list at hand. */
  drop(): void {
    this.#length = this.#ends.at(-1) ?? 0;
  }

  build(): Csr {
    return { offsets: offsetsOf(this.#ends), values: this.#buffer.slice(0, this.#length) };
  }
}

function offsetsOf(ends: readonly number[]): Uint32Array {
  const offsets = new Uint32Array(ends.length + 1);
  offsets.set(ends, 1);
  return offsets;
}
