import type { IndexingLayer } from "@poeem/indexing-layer";
import type { TwoTower } from "../model/two-tower.ts";

/** Recall of the validation queries, measured now and then while training goes on. */
export interface Validation {
  /** The k of recall@k. */
  readonly k: number;
  readonly queries: number;
  /**
   * Of the items as they will be searched: quantized once the layer is ready, as they are before. Draws nothing from
   * the training's random numbers and changes no weight.
   */
  recall(model: TwoTower, layer: IndexingLayer): Promise<number>;
}

// Every validation runs the item tower over the whole catalogue; together at most this share of the examples trained
// on.
const CATALOGUE_SHARE = 0.1;

/** Whether a step ends with a validation: `wanted` of them, fewer for a large catalogue, and one at the end. */
export function validationSchedule(
  wanted: number,
  numItems: number,
  totalSteps: number,
  batchSize: number,
): (step: number) => boolean {
  const affordable = Math.floor((CATALOGUE_SHARE * totalSteps * batchSize) / numItems);
  const count = Math.min(wanted, Math.max(1, affordable), totalSteps);
  if (count <= 0) return () => false;
  return (step) => Math.floor((step * count) / totalSteps) > Math.floor(((step - 1) * count) / totalSteps);
}
