import type { Csr } from "../data/csr.ts";
import type { Dislikes } from "../data/types.ts";

/** What batches of histories have in common: G groups, each with S places for what it is read from; C candidates. */
export interface GroupBatch {
  readonly numGroups: number;
  /** Item numbers that compete, each once: targets of all groups and what they are read from, then negatives. */
  readonly candidates: Uint32Array;
  /** (G, S): 0, or `MASKED` in an empty place. */
  readonly placeMask: Float32Array;
  /** Positions in `candidates` of the items that each of the G groups is to find, each once. */
  readonly targets: Csr;
  /** How much each of them counts; undefined where all count alike. */
  readonly targetWeights?: Float32Array | undefined;
  /** Positions in `candidates` of items that the queries of some groups led to and that were not liked. */
  readonly dislikes?: Dislikes | undefined;
}

/** The candidates of a batch while it is built, each once; one serves all batches of a training. */
export class Candidates {
  /** (items) −1 for one that is not among them. */
  readonly #positionOf: Int32Array;
  readonly #items: number[] = [];

  constructor(numItems: number) {
    this.#positionOf = new Int32Array(numItems).fill(-1);
  }

  get count(): number {
    return this.#items.length;
  }

  /** The position of an item, the next one where it is not among them yet. */
  place(item: number): number {
    if (this.#positionOf[item]! < 0) this.#positionOf[item] = this.#items.push(item) - 1;
    return this.#positionOf[item]!;
  }

  /** All of them by their position; afterwards there are none. */
  take(): Uint32Array {
    for (const item of this.#items) this.#positionOf[item] = -1;
    return Uint32Array.from(this.#items.splice(0));
  }
}
