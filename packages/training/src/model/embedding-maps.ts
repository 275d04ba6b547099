import type { RowLists } from "@poeem/indexing-layer";
import type { EmbeddingWeights } from "@poeem/towers";
import type { Vectors } from "../data/types.ts";
import { LearnedMap, type MapInit } from "./learned-map.ts";
import type { Learned, RowsRead } from "./row-source.ts";

/** The linear maps of the columns of one tower, learned: what they make of the vectors of a batch is added up. */
export class EmbeddingMaps {
  readonly #maps: readonly LearnedMap[];
  readonly learned: Readonly<Record<string, Learned>>;

  /** @param start (length, dim) where each map starts, by the name of its column */
  constructor(
    tower: "item" | "query",
    columns: ReadonlyMap<string, Vectors>,
    start: ReadonlyMap<string, Float32Array>,
    init: MapInit,
  ) {
    this.#maps = Array.from(columns, ([name, vectors]) => new LearnedMap(name, vectors, start.get(name)!, init));
    this.learned = Object.fromEntries(this.#maps.map((map) => [`${tower} embedding ${map.name}`, map]));
  }

  /** The vectors of some rows, of each column; nothing for row −1. */
  read(rows: ArrayLike<number>): RowsRead[] {
    const lists = listsOf(rows);
    return this.#maps.map((source) => ({ source, lists }));
  }

  settle(): void {
    for (const map of this.#maps) map.settle();
  }

  weights(encoder?: string): EmbeddingWeights {
    const columns = this.#maps.map((map) => ({ ...map.weights(), ...(encoder !== undefined && { encoder }) }));
    return { kind: "embedding", columns };
  }
}

/** A list of each row; an empty one of row −1. */
function listsOf(rows: ArrayLike<number>): RowLists {
  const own = new Uint32Array(rows.length);
  let count = 0;
  const ends = Uint32Array.from(rows, (row) => {
    if (row >= 0) own[count++] = row;
    return count;
  });
  return { ends, rows: own.subarray(0, count) };
}
