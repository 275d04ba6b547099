import type { Index } from "@poeem/pq-core";
import { l2Normalize, openQueryTower } from "@poeem/query-tower";
import { listOf } from "../data/csr.ts";
import type { QuerySet } from "../data/types.ts";
import { UserError } from "../errors.ts";
import type { QueryEncoder } from "./query-vectors.ts";

/** The index's query tower over a set of queries. Texts are embedded once, histories whenever they are asked for. */
export async function queryEncoder(index: Index, queries: QuerySet): Promise<QueryEncoder> {
  const { dim } = index.manifest;
  const bytes = await index.queryTower();
  if (queries.texts.length > 0) {
    if (!bytes) throw new UserError("this index has no query tower: it cannot answer text queries");
    const tower = openQueryTower(bytes);
    const vectors = queries.texts.map((text) => tower.embedText(text));
    return (query) => ({ vectors: vectors[query]!, scale: 1 });
  }
  return (query, items) => ({ vectors: meanVector(listOf(queries.histories, query), items, dim), scale: 1 });
}

/** The mean of a history's item vectors, made a unit vector, as the Worker pools what was liked. */
export function meanVector(history: ArrayLike<number>, items: Float32Array, dim: number): Float32Array {
  const mean = new Float32Array(dim);
  for (let i = 0; i < history.length; i++) {
    for (let d = 0; d < dim; d++) mean[d]! += items[history[i]! * dim + d]!;
  }
  return l2Normalize(mean);
}
