import type { DeltaIndex } from "../catalogue/delta-index.ts";
import type { OrdinalMap } from "../catalogue/ordinal-map.ts";
import { partsOf } from "../catalogue/rows.ts";
import { listOf } from "../format/inverted-lists.ts";
import { BLOCK } from "../kernel/blocks.ts";
import type { Index, PqIndex } from "../search/pq-index.ts";
import { partitionFrom } from "../sorted.ts";

/** Some items of the catalogue that are stored in one part. */
export interface Stored {
  /** Ordinals in the part, ascending. */
  readonly ordinals: Uint32Array;
  /** Where each of them stood in what was asked for. */
  readonly from: Uint32Array;
}

/**
 * Where the items of a catalogue are stored: all in the base, or some beside it. What `OrdinalMap` says of one item,
 * for many at once, in ascending order; each step begins where the last one ended.
 */
export class Places {
  /** The base, and what is beside it. */
  readonly parts: readonly PqIndex[];
  /** For each part the block in which its items begin in a mask of both, and behind all of them the end. */
  readonly blocks: readonly number[];
  readonly #map: OrdinalMap | undefined;
  readonly #removed: Uint32Array;
  /** Ordinals in the catalogue of the items beside the base. */
  readonly #beside: Uint32Array;
  readonly #stored = new WeakMap<Uint32Array, readonly Stored[]>();

  constructor(index: Index) {
    const { base, delta, removed } = partsOf(index);
    this.parts = delta === undefined ? [base] : [base, delta];
    this.#removed = removed;
    this.#map = delta && (index as DeltaIndex).map;
    this.#beside = Uint32Array.from({ length: delta?.manifest.numItems ?? 0 }, (_, j) => this.#map!.fromDelta(j));
    const blocks = [0];
    for (const { manifest } of this.parts) blocks.push(blocks.at(-1)! + Math.ceil(manifest.numItems / BLOCK));
    this.blocks = blocks;
  }

  /** Whether ordinals of the base are those of the catalogue. */
  get isPlain(): boolean {
    return this.parts.length === 1;
  }

  /**
   * Turns ordinals of a part into those of the catalogue.
   *
   * @param ordinals ascending; gets those of the catalogue
   * @param values (ordinals.length) of each, moved with it
   * @returns how many there are; removed items are left out
   */
  toCatalogue(part: number, ordinals: Uint32Array, values: Uint8Array): number {
    const [removed, beside] = [this.#removed, this.#beside];
    if (part === 1) {
      for (let i = 0; i < ordinals.length; i++) ordinals[i] = beside[ordinals[i]!]!;
      return ordinals.length;
    }
    let skipped = 0;
    let before = 0;
    let n = 0;
    let ordinal = 0;
    let rank = 0;
    const isSkipped = (i: number): boolean => removed[i]! < ordinal;
    // So many of what is left of the base come before item j beside it.
    const isBefore = (j: number): boolean => beside[j]! - j <= rank;
    for (let i = 0; i < ordinals.length; i++) {
      ordinal = ordinals[i]!;
      skipped = partitionFrom(skipped, removed.length, isSkipped);
      if (removed[skipped] === ordinal) continue;
      rank = ordinal - skipped;
      before = partitionFrom(before, beside.length, isBefore);
      ordinals[n] = rank + before;
      values[n++] = values[i]!;
    }
    return n;
  }

  /** Where items are stored, for each part. @param ordinals of the catalogue, ascending; not changed afterwards */
  stored(ordinals: Uint32Array): readonly Stored[] {
    const known = this.#stored.get(ordinals);
    if (known !== undefined) return known;
    const [removed, beside] = [this.#removed, this.#beside];
    const lists = this.parts.map(() => ({ ordinals: [] as number[], from: [] as number[] }));
    let skipped = 0;
    let before = 0;
    let ordinal = 0;
    let rank = 0;
    const isBefore = (j: number): boolean => beside[j]! < ordinal;
    const isSkipped = (i: number): boolean => removed[i]! - i <= rank;
    for (let i = 0; i < ordinals.length; i++) {
      ordinal = ordinals[i]!;
      before = partitionFrom(before, beside.length, isBefore);
      const isBeside = beside[before] === ordinal;
      rank = ordinal - before;
      skipped = partitionFrom(skipped, removed.length, isSkipped);
      const list = lists[isBeside ? 1 : 0]!;
      list.ordinals.push(isBeside ? before : rank + skipped);
      list.from.push(i);
    }
    const stored = lists.map((list) => ({
      ordinals: Uint32Array.from(list.ordinals),
      from: Uint32Array.from(list.from),
    }));
    this.#stored.set(ordinals, stored);
    return stored;
  }

  /** Number of the part that an item is stored in, and its ordinal there. */
  placeOf(ordinal: number): { readonly part: number; readonly own: number } {
    if (this.#map === undefined) return { part: 0, own: ordinal };
    const { isDelta, ordinal: own } = this.#map.placeOf(ordinal);
    return { part: Number(isDelta), own };
  }

  cellOf(ordinal: number): number {
    const { part, own } = this.placeOf(ordinal);
    return listOf(this.parts[part]!.parts.offsets, own);
  }
}

const PLACES = new WeakMap<Index, Places>();

/** The places of an index, worked out once. @throws TypeError for an index that `openArtifact` did not give */
export function placesOf(index: Index): Places {
  let places = PLACES.get(index);
  if (places === undefined) {
    places = new Places(index);
    PLACES.set(index, places);
  }
  return places;
}
