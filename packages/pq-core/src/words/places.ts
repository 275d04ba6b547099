import type { DeltaIndex } from "../catalogue/delta-index.ts";
import type { OrdinalMap } from "../catalogue/ordinal-map.ts";
import { partsOf } from "../catalogue/rows.ts";
import { listOf } from "../format/inverted-lists.ts";
import { BLOCK } from "../kernel/blocks.ts";
import type { Index, PqIndex } from "../search/pq-index.ts";
import { lowerBoundFrom } from "../sorted.ts";

/** Some items of the catalogue that are stored in one part. */
interface Stored {
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
  /** List offsets of the base, and of what is beside it. */
  readonly #offsets: readonly Uint32Array[];
  /** For each part the block in which its items begin in a mask of both, and behind all of them the end. */
  readonly blocks: readonly number[];
  readonly #map: OrdinalMap | undefined;
  readonly #removed: Uint32Array;
  /** (removed) items of the base that are left before each of them. */
  readonly #leftBefore: Uint32Array;
  /** Ordinals in the catalogue of the items beside the base. */
  readonly #beside: Uint32Array;
  /** (beside) items of the base that are left before each of them. */
  readonly #besideAfter: Uint32Array;
  readonly #stored = new WeakMap<Uint32Array, readonly Stored[]>();

  constructor(index: Index) {
    const { delta, removed } = partsOf(index);
    const parts = storedIn(index);
    this.#offsets = parts.map((part) => part.parts.offsets);
    this.#removed = removed;
    this.#map = delta && (index as DeltaIndex).map;
    this.#beside = Uint32Array.from({ length: delta?.manifest.numItems ?? 0 }, (_, j) => this.#map!.fromDelta(j));
    this.#leftBefore = removed.map((ordinal, i) => ordinal - i);
    this.#besideAfter = this.#beside.map((ordinal, j) => ordinal - j);
    const blocks = [0];
    for (const { manifest } of parts) blocks.push(blocks.at(-1)! + Math.ceil(manifest.numItems / BLOCK));
    this.blocks = blocks;
  }

  /** Whether ordinals of the base are those of the catalogue. */
  get isPlain(): boolean {
    return this.#offsets.length === 1;
  }

  /**
   * Turns ordinals of a part into those of the catalogue.
   *
   * @param ordinals ascending; gets those of the catalogue
   * @param values (ordinals.length) of each, moved with it
   * @returns how many there are; removed items are left out
   */
  toCatalogue(part: number, ordinals: Uint32Array, values: Uint8Array): number {
    if (part === 1) {
      for (let i = 0; i < ordinals.length; i++) ordinals[i] = this.#beside[ordinals[i]!]!;
      return ordinals.length;
    }
    const [removed, besideAfter] = [this.#removed, this.#besideAfter];
    let skipped = 0;
    let before = 0;
    let n = 0;
    for (let i = 0; i < ordinals.length; i++) {
      const ordinal = ordinals[i]!;
      skipped = lowerBoundFrom(skipped, removed, ordinal);
      if (removed[skipped] === ordinal) continue;
      before = lowerBoundFrom(before, besideAfter, ordinal - skipped + 1);
      ordinals[n] = ordinal - skipped + before;
      values[n++] = values[i]!;
    }
    return n;
  }

  /** Where items are stored, for each part. @param ordinals of the catalogue, ascending; not changed afterwards */
  stored(ordinals: Uint32Array): readonly Stored[] {
    if (this.isPlain) return [{ ordinals, from: ordinals.map((_, i) => i) }];
    const known = this.#stored.get(ordinals);
    if (known !== undefined) return known;
    const [leftBefore, beside] = [this.#leftBefore, this.#beside];
    const lists = this.#offsets.map(() => ({ ordinals: [] as number[], from: [] as number[] }));
    let skipped = 0;
    let before = 0;
    for (let i = 0; i < ordinals.length; i++) {
      const ordinal = ordinals[i]!;
      before = lowerBoundFrom(before, beside, ordinal);
      const isBeside = beside[before] === ordinal;
      const rank = ordinal - before;
      skipped = lowerBoundFrom(skipped, leftBefore, rank + 1);
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
    return listOf(this.#offsets[part]!, own);
  }
}

/** The base, and what is beside it. @throws TypeError for an index that `openArtifact` did not give */
export function storedIn(index: Index): PqIndex[] {
  const { base, delta } = partsOf(index);
  return delta === undefined ? [base] : [base, delta];
}

/** By what all views of the same items have. */
const PLACES = new WeakMap<object, Places>();

/** The places of an index, worked out once. @throws TypeError for an index that `openArtifact` did not give */
export function placesOf(index: Index): Places {
  const { base, delta } = partsOf(index);
  const key = delta === undefined ? base.parts.offsets : (index as DeltaIndex).map;
  let places = PLACES.get(key);
  if (places === undefined) {
    places = new Places(index);
    PLACES.set(key, places);
  }
  return places;
}
