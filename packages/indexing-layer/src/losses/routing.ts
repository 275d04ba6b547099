import type * as tf from "@tensorflow/tfjs-core";
import { softmaxLoss } from "../softmax/loss.ts";
import { layerLoss } from "./loss.ts";

/** Teaches queries to visit the cell that holds their item. */
export const routing = layerLoss({
  options: { routingWeight: 0.1, routingScale: 10 },
  about: {
    routingWeight: "How strongly queries learn to visit the cell that holds their item.",
    routingScale: "Scale of the softmax over cells that they learn it by.",
  },
  needs: "queries",
  compute: ({ queries, cells, coarseCentroids, rotateBack, perQuery }, { routingWeight, routingScale }) => {
    if (!queries || !cells || !coarseCentroids) return undefined;
    return routingLoss(queries, cells, rotateBack(coarseCentroids), routingScale, routingWeight * perQuery);
  },
});

/**
 * Query-side routing: cross entropy between the cells a query would visit, softmax of its inner products with the
 * coarse centroids, and the cell that holds its item, summed over queries, times `weight`. After EHI (Kumar et al.,
 * arXiv 2310.08891), with the gradient going to the queries alone: let into the centroids it empties the cells.
 *
 * @param queries (b, dim)
 * @param cells (b) cell of each query's item, int32 or as floats
 * @param coarseCentroids (nlist, dim) in the queries' own space (rotated back)
 */
export function routingLoss(
  queries: tf.Tensor2D,
  cells: tf.Tensor1D,
  coarseCentroids: tf.Tensor2D,
  scale: number,
  weight: number,
): tf.Scalar {
  return softmaxLoss({
    queries,
    candidates: coarseCentroids,
    scale,
    targets: cells,
    weight: weight * queries.shape[0],
    constantCandidates: true,
  }).total;
}
