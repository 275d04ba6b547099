import * as tf from "@tensorflow/tfjs-core";
import type { IndexingLayerConfig } from "./config.ts";
import { LOSS_LIST, type LossName } from "./losses/index.ts";
import type { LossInput } from "./losses/loss.ts";

/** Weighted terms and their sum, scalars that stay on the tape. Terms whose weight is 0 are absent. */
export type Losses = { total: tf.Scalar } & { [name in LossName]?: tf.Scalar };

/** All terms of one joint step. */
export function trainingLosses(config: IndexingLayerConfig, input: LossInput): Losses {
  const terms: Partial<Record<LossName, tf.Scalar>> = {};
  for (const [name, loss] of LOSS_LIST) {
    const options = config as unknown as Record<string, number>;
    if (options[`${name}Weight`] === 0 || (loss.needs === "queries" && !input.queries)) continue;
    const term = loss.compute?.(input, options);
    if (term) terms[name] = term;
  }
  const values = Object.values(terms);
  return { total: values.length > 0 ? tf.addN(values) : tf.scalar(0), ...terms };
}
