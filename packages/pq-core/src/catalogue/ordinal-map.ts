import type { DeltaPayload } from "../format/delta-chunk.ts";
import { lowerBound, partition } from "../sorted.ts";

/** An item of the catalogue by where it is stored. */
export interface Place {
  readonly isDelta: boolean;
  /** Ordinal in the base, or among the items beside it. */
  readonly ordinal: number;
}

/**
 * Ordinals of the catalogue ↔ places. The catalogue's ordinals are those that a fresh index of it would have: the
 * base's items without the removed ones, with each item beside the base at its place in list order.
 */
export class OrdinalMap {
  readonly #positions: Uint32Array;
  readonly #removed: Uint32Array;

  constructor({ positions, removed }: Pick<DeltaPayload, "positions" | "removed">) {
    this.#positions = positions;
    this.#removed = removed;
  }

  isRemoved(ordinal: number): boolean {
    return this.#removed[lowerBound(this.#removed, ordinal)] === ordinal;
  }

  /** Ordinal of an item of the base that is not removed. */
  fromBase(ordinal: number): number {
    return ordinal - lowerBound(this.#removed, ordinal) + lowerBound(this.#positions, ordinal + 1);
  }

  /** Ordinal of item j beside the base. */
  fromDelta(j: number): number {
    const position = this.#positions[j]!;
    return j + position - lowerBound(this.#removed, position);
  }

  placeOf(ordinal: number): Place {
    const before = partition(this.#positions.length, (j) => this.fromDelta(j) <= ordinal);
    if (before > 0 && this.fromDelta(before - 1) === ordinal) return { isDelta: true, ordinal: before - 1 };
    // The item is number `rank` among those that are left of the base; `skipped` removed ones lie before it.
    const rank = ordinal - before;
    const skipped = partition(this.#removed.length, (i) => this.#removed[i]! - i <= rank);
    return { isDelta: false, ordinal: rank + skipped };
  }
}
