import {
  createQueryTower,
  dequantizeTable,
  type Query,
  type QueryTower,
  type QueryTowerWeights,
  quantizeTable,
  textFeatures,
} from "@poeem/towers";
import * as tf from "@tensorflow/tfjs";
import type { PoeemConfig } from "../config.ts";
import { listOf, toCsr } from "../data/csr.ts";
import { type Dataset, knownRows } from "../data/dataset.ts";
import type { QuerySet } from "../data/types.ts";
import type { TwoTower } from "../model/two-tower.ts";
import { gather } from "./gather.ts";
import { fitPartition } from "./partition.ts";
import { placed } from "./query-sample.ts";

/** Queries that both towers embed before an index is written. */
const COMPARED = 16_384;
const SLICE = 256;

/**
 * The query tower as it is published. Quantizes the text table to int8 and puts the quantized rows back into the model: from
 * here on both compute with the same numbers.
 * @param decoded gives the item vectors as the index holds them, (count, dim)
 */
export async function exportQueryTower(
  model: TwoTower,
  config: PoeemConfig,
  dataset: Dataset,
  decoded: () => Float32Array,
): Promise<{ queryTower: QueryTowerWeights; partitionR2: number | undefined }> {
  const { dim, history: settings } = config.model;
  const table = quantizeTable(model.text.rows, dataset.vocabulary, dim);
  model.text.rows.set(dequantizeTable(table));
  const { history, context } = model;
  const mixture = history?.form === "mixture";
  const { scale, seed } = config.training;
  const fitted =
    history && mixture
      ? await fitPartition(
          decoded(),
          dim,
          { scale, tilt: history.tilt, histories: dataset.past!.items, length: settings.length },
          seed,
        )
      : undefined;
  const [attention] = history?.variables ?? [];
  const queryTower: QueryTowerWeights = {
    tokenizer: dataset.tokenizer,
    table,
    // the vectors of a mixture are those of the items themselves
    layers: mixture ? [] : await model.query.dense(),
    skip: !mixture && config.model.hiddenDim > 0,
    ...(history && {
      history: {
        form: history.form,
        length: settings.length,
        scale,
        tilt: history.tilt,
        ...(attention && { attention: Float32Array.from(await attention.data()) }),
        ...(fitted && { partition: fitted.partition }),
      },
    }),
    ...(context && { contexts: { names: dataset.contextNames, rows: context.rows } }),
  };
  return { queryTower, partitionR2: fitted?.r2 };
}

/**
 * Embeds held-out queries (training queries where none is held out) with the published tower and with TensorFlow.js.
 * @returns the largest difference of a component
 */
export async function compareTowers(
  model: TwoTower,
  weights: QueryTowerWeights,
  dataset: Dataset,
  decoded: () => Float32Array,
): Promise<number> {
  const exported = createQueryTower(weights);
  const queries = dataset.test.count > 0 ? dataset.test : dataset.train;
  const items = model.history ? decoded() : new Float32Array(0);
  const count = Math.min(queries.count, COMPARED);
  let largest = 0;
  for (let start = 0; start < count; start += SLICE) {
    const numbers = Uint32Array.from({ length: Math.min(SLICE, count - start) }, (_, i) => start + i);
    const expected = await embedWithTensorFlow(model, weights, dataset, queries, numbers, items);
    numbers.forEach((query, i) => {
      const found = exported.embed(queryOf(exported, queries, dataset, query, items));
      if (!found) return;
      const vectors = found instanceof Float32Array ? [found] : found.vectors;
      vectors.forEach((vector, s) => {
        vector.forEach((value, d) => {
          largest = Math.max(largest, Math.abs(value - expected[i]![s]![d]!));
        });
      });
    });
  }
  return largest;
}

/** A query of a set, as the published tower takes it. @param items (count, dim) vectors that histories are read from */
export function queryOf(
  tower: QueryTower,
  queries: QuerySet,
  dataset: Pick<Dataset, "contextNames">,
  query: number,
  items: Float32Array,
): Query {
  const history = listOf(queries.histories, query).slice(-Math.max(1, tower.reads.historyLength));
  const names = Array.from(listOf(queries.contexts, query), (row) => {
    const name = dataset.contextNames[row]!;
    const tab = name.indexOf("\t");
    return [name.slice(0, tab), name.slice(tab + 1)];
  });
  return {
    text: queries.texts[query],
    ...(tower.reads.history && { history: gather(items, history, tower.dim) }),
    ...(names.length > 0 && { context: Object.fromEntries(names) }),
  };
}

/** For each query its vectors: one, or one an item of its history. */
async function embedWithTensorFlow(
  model: TwoTower,
  weights: QueryTowerWeights,
  dataset: Dataset,
  queries: QuerySet,
  numbers: Uint32Array,
  items: Float32Array,
): Promise<Float32Array[][]> {
  const { dim } = model;
  const length = weights.history?.length ?? 0;
  const histories = Array.from(numbers, (query) => listOf(queries.histories, query).slice(-Math.max(1, length)));
  const output = tf.tidy(() => {
    const [read, filled] = placed(histories, items, dim);
    if (model.history?.form === "mixture") return model.history.components(read, filled);
    const rows = toCsr(
      Array.from(numbers, (query) => {
        const text = queries.texts[query];
        return text === undefined ? [] : knownRows(textFeatures(text, dataset.tokenizer), dataset.vocabulary);
      }),
    );
    const contexts = model.context && { rows: queries.contexts, of: numbers };
    const inputs = tf.tensor2d(
      model.queryInputs(
        rows,
        Uint32Array.from(numbers, (_, i) => i),
        contexts,
      ),
      [numbers.length, dim],
    );
    const pooled = model.history?.pool(read, filled);
    return model.query.call(pooled ? (tf.add(inputs, pooled) as tf.Tensor2D) : inputs);
  });
  const vectors = (await output.data()) as Float32Array;
  output.dispose();
  const each = vectors.length / numbers.length / dim;
  return Array.from(numbers, (_, i) =>
    Array.from({ length: each }, (_, s) => vectors.slice((i * each + s) * dim, (i * each + s + 1) * dim)),
  );
}
