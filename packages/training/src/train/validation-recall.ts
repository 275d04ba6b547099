import type { IndexingLayer } from "@poeem/indexing-layer";
import { createCodebook, decode } from "@poeem/pq-core/write";
import { createQueryTower, type Partition, quantizeRows } from "@poeem/towers";
import type { PoeemConfig } from "../config.ts";
import { gather, spreadEvenly } from "../data/gather.ts";
import type { Dataset, QuerySet } from "../data/types.ts";
import { encodeItems } from "../model/encode-items.ts";
import type { TwoTower } from "../model/two-tower.ts";
import { rankExhaustively } from "../rank/dense-rank.ts";
import { leftOut } from "../rank/left-out.ts";
import { rankingMetrics } from "../rank/metrics.ts";
import { orderedEncoder } from "../rank/ordered-encoder.ts";
import { encoderOf, type QueryEncoder } from "../rank/query-encoder.ts";
import { sampleQueries } from "../rank/sample-queries.ts";
import type { Validation } from "./validation.ts";

// A validation scores at most so many pairs of query and item: about 25 GFLOP.
const MOST_SCORES = 2e8;
const FEWEST_QUERIES = 100;
/** Items that stand for all in the normalisation of a mixture; the published tower has a fitted function instead. */
const PARTITION_SAMPLE = 256;

/**
 * Recall of the validation queries over the whole catalogue, asked through the query tower as it would be published
 * now. k is 10 for texts and what follows next, and 50 for histories without an order. Undefined where the data has no validation queries.
 */
export function validationOf(dataset: Dataset, config: Pick<PoeemConfig, "model">): Validation | undefined {
  if (dataset.validation.count === 0) return undefined;
  const isOrdered = config.model.history.order;
  const most = Math.max(FEWEST_QUERIES, Math.floor(MOST_SCORES / dataset.ids.length / (isOrdered ? 3 : 1)));
  const queries = sampleQueries(dataset.validation, most);
  const k = dataset.past && !isOrdered ? 50 : 10;
  return {
    k,
    queries: queries.count,
    async recall(model, layer) {
      const items = await searchedVectors(model, layer);
      const encode = await encoderNow(model, items, queries, dataset);
      const ranked = await rankExhaustively(encode, { items, dim: model.dim, k, seen: leftOut(queries) });
      return rankingMetrics(ranked, queries.relevant)[`recallAt${k}`];
    },
  };
}

/** The query tower as it is now. */
async function encoderNow(
  model: TwoTower,
  items: Float32Array,
  queries: QuerySet,
  dataset: Dataset,
): Promise<QueryEncoder> {
  const { history, dim } = model;
  if (history?.isOrdered) return orderedEncoder(history, queries, items, dim);
  const partition = history?.form === "mixture" ? sampledPartition(items, dim, history.scale) : undefined;
  return encoderOf(createQueryTower(await model.queryTower(partition)), queries, dataset);
}

/** Item vectors as a search would meet them now, (count, dim): quantized once the codebooks are in place. */
async function searchedVectors(model: TwoTower, layer: IndexingLayer): Promise<Float32Array> {
  const vectors = await model.itemVectors();
  if (!layer.ready) return vectors;
  const codebook = createCodebook({ ...(await layer.codebook()), metric: "innerProduct" });
  const { assignments, codes } = await encodeItems(codebook, vectors);
  return decode(codebook, assignments, codes);
}

/** log Σ_i exp(scale · q·v_i) from items spread evenly over the catalogue, each standing for its share. */
function sampledPartition(items: Float32Array, dim: number, scale: number): Partition {
  const count = items.length / dim;
  const spread = spreadEvenly(count, PARTITION_SAMPLE);
  const { values, scales } = quantizeRows(gather(items, spread, dim), dim);
  return {
    values,
    scales: scales.map((step) => scale * step),
    bias: new Float32Array(spread.length).fill(Math.log(count / spread.length)),
  };
}
