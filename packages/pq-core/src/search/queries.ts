import type { AdcKernel, ShortlistFound, ShortlistWanted } from "../kernel/kernel.ts";
import type { ReadyLists } from "./list-source.ts";
import type { QueryVector } from "./score.ts";

/** Gives the kernel one query vector after the other, with tables that are computed once where there is room. */
export class Queries {
  readonly #kernel: AdcKernel;
  readonly vectors: readonly QueryVector[];
  readonly #isPrepared: boolean;

  /** To be made and used without an await: the kernel must have the queries that were prepared last. */
  constructor(kernel: AdcKernel, vectors: readonly QueryVector[]) {
    this.#kernel = kernel;
    this.vectors = vectors;
    this.#isPrepared = kernel.prepare?.(vectors.map(({ query }) => query)) ?? false;
  }

  /** Gives the kernel one query after the other, and `use` each with its products with the cells. */
  each(use: (vector: QueryVector, products: Float32Array, h: number) => void): void {
    for (const [h, vector] of this.vectors.entries())
      use(vector, this.#isPrepared ? this.#kernel.useQuery!(h) : this.#kernel.setQuery(vector.query), h);
  }

  /** Scores of items by each query, (queries, n), in one go where that can be: see `AdcKernel.scoresByEach`. */
  scoresByEach(lists: ReadyLists, ordinals: Uint32Array, cells: Uint32Array): Float32Array | undefined {
    return this.#isPrepared ? lists.scoresByEach?.(ordinals, cells) : undefined;
  }

  /** See `AdcKernel.shortlist`. */
  shortlist(lists: ReadyLists, wanted: ShortlistWanted): ShortlistFound | undefined {
    return this.#isPrepared ? lists.shortlist?.(wanted) : undefined;
  }
}
