import { type Artifact, createCodebook, encode, writeArtifact } from "@poeem/pq-core";
import {
  createQueryTower,
  dequantizeTable,
  type QueryTowerWeights,
  quantizeTable,
  textFeatures,
  writeQueryTower,
} from "@poeem/query-tower";
import * as tf from "@tensorflow/tfjs";
import type { PoeemConfig } from "../config.ts";
import { toCsr } from "../data/csr.ts";
import { type Dataset, knownRows } from "../data/dataset.ts";
import type { FilterColumns } from "../data/filter-columns.ts";
import { itemFields } from "../data/item-fields.ts";
import type { RawData } from "../data/load.ts";
import type { TwoTower } from "../model/two-tower.ts";
import type { TrainedModel } from "../train/loop.ts";

/** The largest difference between a vector of the exported query tower and the trainer's own that is let through. */
export const TOWER_TOLERANCE = 1e-5;

export interface ExportedModel {
  readonly artifact: Artifact;
  /** Item vectors before quantization, (count, dim), for `evaluate`; not published. */
  readonly itemVectors: Float32Array;
  /** Largest difference of a component between the exported query tower and TensorFlow.js, over the checked queries. */
  readonly towerDifference: number;
}

/** Turns a trained model into its artifact: codes of all items, codebook, query tower, fields. */
export async function exportModel(
  trained: TrainedModel,
  config: PoeemConfig,
  raw: RawData,
  dataset: Dataset,
  filterColumns: FilterColumns,
  facts: Record<string, unknown>,
): Promise<ExportedModel> {
  const { model, layer } = trained;
  const itemVectors = await model.itemVectors(dataset);
  const codebook = createCodebook({
    ...(await layer.codebook()),
    metric: "innerProduct",
    byResidual: config.index.nlist > 0,
  });
  const { assignments, codes } = encode(codebook, itemVectors);
  const queryTower = await exportQueryTower(model, config, dataset);
  const towerDifference = await compareTowers(model, queryTower, config, dataset);
  const artifact = await writeArtifact({
    codebook,
    assignments,
    codes,
    ids: dataset.ids,
    fields: itemFields(raw.items, config),
    ...filterColumns,
    queryTower: writeQueryTower(queryTower),
    defaultNprobe: Math.min(config.index.nprobe, Math.max(1, config.index.nlist)),
    training: { ...facts, towerDifference, config },
  });
  return { artifact, itemVectors, towerDifference };
}

/** Quantizes the text table to int8 and puts the quantized rows back into the model: from here on both compute with the same numbers. */
async function exportQueryTower(model: TwoTower, config: PoeemConfig, dataset: Dataset): Promise<QueryTowerWeights> {
  const table = quantizeTable(model.text.rows, dataset.vocabulary, config.model.dim);
  model.text.rows.set(dequantizeTable(table));
  return { tokenizer: dataset.tokenizer, table, layers: await model.query.dense(), skip: config.model.hiddenDim > 0 };
}

/** Embeds held-out queries (training queries where none is held out) with both towers. */
async function compareTowers(
  model: TwoTower,
  weights: QueryTowerWeights,
  config: PoeemConfig,
  dataset: Dataset,
): Promise<number> {
  const { dim } = config.model;
  const queries = dataset.test.texts.length > 0 ? dataset.test.texts : dataset.train.texts;
  const exported = createQueryTower(weights);
  let largest = 0;
  for (let start = 0; start < queries.length; start += 1024) {
    const slice = queries.slice(start, start + 1024);
    const rows = toCsr(slice.map((query) => knownRows(textFeatures(query, dataset.tokenizer), dataset.vocabulary)));
    const numbers = Uint32Array.from(slice, (_, i) => i);
    const output = tf.tidy(() => model.query.call(tf.tensor2d(model.queryInputs(rows, numbers), [slice.length, dim])));
    const vectors = (await output.data()) as Float32Array;
    output.dispose();
    slice.forEach((query, i) => {
      // a query without a known feature is zeros by definition; the trainer's tower would answer with its bias
      if (rows.offsets[i] === rows.offsets[i + 1]) return;
      exported.embedText(query).forEach((value, d) => {
        largest = Math.max(largest, Math.abs(value - vectors[i * dim + d]!));
      });
    });
  }
  return largest;
}
