import { UserError } from "@poeem/offline/errors";
import type { Index } from "@poeem/pq-core";
import { createQueryTower, type QueryTowerWeights, type QueryVectors, readQueryTower } from "@poeem/towers";
import { fitPartition } from "../artifact/partition.ts";
import type { Dataset, QuerySet } from "../data/types.ts";
import { encoderOf, type QueryEncoder } from "../rank/query-encoder.ts";

/** Queries whose vectors are kept for the next row of an evaluation: at 50 vectors of 64 dimensions each, 128 MB. */
const MOST_KEPT = 10_000;

export interface QueryEncoders {
  /** The index's query tower over a set of queries, with histories read from whatever item vectors are asked for. */
  readonly encode: QueryEncoder;
  /** The same, with the normalisation of a mixture fitted for these item vectors instead of the index's. */
  readonly encodeFor: (items: Float32Array) => Promise<QueryEncoder>;
}

/** @param seed of a fit, see `fitPartition` */
export async function queryEncoders(
  index: Index,
  queries: QuerySet,
  dataset: Pick<Dataset, "contextNames" | "queryVectors" | "past">,
  seed: number,
): Promise<QueryEncoders> {
  const { dim } = index.manifest;
  const bytes = await index.queryTower();
  if (!bytes) throw new UserError("this index has no query tower: it cannot answer queries");
  const weights = readQueryTower(bytes);
  const encoder = (of: QueryTowerWeights): QueryEncoder => {
    const encode = encoderOf(createQueryTower(of), queries, dataset);
    return queries.count <= MOST_KEPT ? remembering(encode) : encode;
  };
  const encode = encoder(weights);
  return {
    encode,
    async encodeFor(items) {
      const history = weights.inputs.find((input) => input.kind === "history");
      if (history?.form !== "mixture" || !dataset.past) return encode;
      const { scale, length } = history;
      const of = { scale, length, components: history, histories: dataset.past.items };
      const { partition } = await fitPartition(items, dim, of, seed);
      const others = weights.inputs.filter((input) => input !== history);
      return encoder({ ...weights, inputs: [...others, { ...history, partition }] });
    },
  };
}

/** Asked again for a query with the same item vectors, gives what it gave. */
function remembering(encode: QueryEncoder): QueryEncoder {
  const kept = new WeakMap<Float32Array, Map<number, QueryVectors | undefined>>();
  return (query, items) => {
    const of = kept.get(items) ?? new Map<number, QueryVectors | undefined>();
    kept.set(items, of);
    if (!of.has(query)) of.set(query, encode(query, items));
    return of.get(query);
  };
}
