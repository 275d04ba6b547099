import { UserError } from "@poeem/offline/errors";
import type { Index } from "@poeem/pq-core";
import { createQueryTower, type openQueryTower, readQueryTower } from "@poeem/towers";
import { fitPartition } from "../artifact/partition.ts";
import { queryOf } from "../artifact/query-tower.ts";
import type { Dataset, QuerySet } from "../data/types.ts";
import type { QueryEncoder, QueryVectors } from "./query-vectors.ts";

/** Queries whose vectors are kept for the next row of an evaluation: at 50 vectors of 64 dimensions each, 128 MB. */
const MOST_KEPT = 10_000;

export interface QueryEncoders {
  /** The index's query tower over a set of queries: their texts, contexts and histories, of whatever item vectors are asked for. */
  readonly encode: QueryEncoder;
  /** The same with the normalisation of a mixture, where it has one, fitted for these item vectors instead of the index's. */
  readonly encodeFor: (items: Float32Array) => Promise<QueryEncoder>;
}

/** @param seed of a fit, see `fitPartition` */
export async function queryEncoders(
  index: Index,
  queries: QuerySet,
  dataset: Pick<Dataset, "contextNames" | "past">,
  seed: number,
): Promise<QueryEncoders> {
  const { dim } = index.manifest;
  const bytes = await index.queryTower();
  if (!bytes) throw new UserError("this index has no query tower: it cannot answer queries");
  const weights = readQueryTower(bytes);
  const encoder = (tower: ReturnType<typeof createQueryTower>): QueryEncoder => {
    const encode: QueryEncoder = (query, items) =>
      vectorsOf(tower.embed(queryOf(tower, queries, dataset, query, items)), dim);
    return queries.count <= MOST_KEPT ? remembering(encode) : encode;
  };
  const encode = encoder(createQueryTower(weights));
  return {
    encode,
    async encodeFor(items) {
      const { history } = weights;
      if (history?.form !== "mixture" || !dataset.past) return encode;
      const { scale, tilt = 0, length } = history;
      const { partition } = await fitPartition(
        items,
        dim,
        { scale, tilt, length, histories: dataset.past.items },
        seed,
      );
      return encoder(createQueryTower({ ...weights, history: { ...history, partition } }));
    },
  };
}

/** What the query tower gives, as the rankers take it. A query of which nothing is known is a zero vector: every score is 0. */
export function vectorsOf(embedded: ReturnType<ReturnType<typeof openQueryTower>["embed"]>, dim: number): QueryVectors {
  if (embedded === undefined) return { vectors: new Float32Array(dim), scale: 1 };
  if (embedded instanceof Float32Array) return { vectors: embedded, scale: 1 };
  const vectors = new Float32Array(embedded.vectors.length * dim);
  embedded.vectors.forEach((vector, h) => {
    vectors.set(vector, h * dim);
  });
  // an underflown weight would be −Infinity
  const logWeights = embedded.weights.map((weight) => Math.log(Math.max(weight, 1e-38)));
  return { vectors, logWeights, scale: embedded.temperature };
}

/** Asked again for a query with the same item vectors, gives what it gave. */
function remembering(encode: QueryEncoder): QueryEncoder {
  const kept = new WeakMap<Float32Array, QueryVectors[]>();
  return (query, items) => {
    const of = kept.get(items) ?? [];
    kept.set(items, of);
    const known = of[query] ?? encode(query, items);
    of[query] = known;
    return known;
  };
}
