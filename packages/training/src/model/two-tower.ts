import { Random } from "@poeem/indexing-layer";
import type { DenseLayer } from "@poeem/towers";
import * as tf from "@tensorflow/tfjs";
import type { PoeemConfig } from "../config.ts";
import { type Csr, listOf } from "../data/csr.ts";
import type { Dataset } from "../data/dataset.ts";
import { joinStates, restoreParts, type State, type Stateful } from "../state.ts";
import { readVariables, restoreVariables } from "./dense-optimizer.ts";
import { EmbeddingTable } from "./embedding-table.ts";
import { HistoryPooling } from "./history-pooling.ts";
import { l2NormalizeRows, matMul } from "./ops.ts";
import { spectralStart } from "./spectral-start.ts";

/** The context rows of some queries: query i of a batch has list of[i]. */
export interface QueryContexts {
  readonly rows: Csr;
  readonly of: ArrayLike<number>;
}

function contextRows(contexts: QueryContexts | undefined, i: number): Uint32Array {
  return contexts ? listOf(contexts.rows, contexts.of[i]!) : NO_ROWS;
}

function eachNumber({ itemNumbers }: Dataset, item: number, visit: (row: number, value: number) => void): void {
  if (!itemNumbers) return;
  const columns = itemNumbers.names.length;
  for (let column = 0; column < columns; column++) visit(column, itemNumbers.values[item * columns + column]!);
}

const NO_ROWS = new Uint32Array(0);
const TABLE_STDDEV = 0.1;
// A row's gradients are means over a batch and over the features of a text, about 1e-5 each. A start well below their
// square lets a rare row take full steps from its first event on; with 1e-4 it hardly moves in a whole training.
const TABLE_ACCUMULATOR = 1e-8;

/** Hidden layers of one tower as variables, with a skip connection: (n, dim) → unit rows (n, dim). */
export class TowerLayers implements Stateful {
  readonly variables: tf.Variable[];

  constructor(dim: number, hiddenDim: number, random: Random) {
    const variable = (shape: [number, number], stddev: number): tf.Variable => {
      const values = Float32Array.from({ length: shape[0] * shape[1] }, () => random.normal() * stddev);
      return tf.tidy(() => tf.variable(tf.tensor2d(values, shape)));
    };
    this.variables =
      hiddenDim === 0
        ? []
        : [
            variable([dim, hiddenDim], Math.sqrt(2 / dim)),
            variable([1, hiddenDim], 0),
            // near zero: at the start the tower is its skip connection
            variable([hiddenDim, dim], 0.1 * Math.sqrt(1 / hiddenDim)),
            variable([1, dim], 0),
          ];
  }

  /** (n, dim) → (n, dim), unit rows unless `normalize` is false. */
  call(input: tf.Tensor2D, normalize = true): tf.Tensor2D {
    const [w1, b1, w2, b2] = this.variables as unknown as tf.Tensor2D[];
    let output = input;
    if (w1 && b1 && w2 && b2) {
      const hidden = tf.relu(tf.add(matMul(input, w1), b1)) as tf.Tensor2D;
      output = tf.add(tf.add(matMul(hidden, w2), b2), input) as tf.Tensor2D;
    }
    return normalize ? l2NormalizeRows(output) : output;
  }

  state(): Promise<State> {
    return readVariables(this.variables);
  }

  restore(state: State): void {
    restoreVariables(this.variables, state);
  }

  /** The layers as packages/query-tower computes them. */
  async dense(): Promise<DenseLayer[]> {
    const data = (await Promise.all(this.variables.map((variable) => variable.data()))) as Float32Array[];
    const layers: DenseLayer[] = [];
    for (let i = 0; i < data.length; i += 2) {
      const [inputDim, outputDim] = this.variables[i]!.shape as [number, number];
      layers.push({ inputDim, outputDim, weights: Float32Array.from(data[i]!), bias: Float32Array.from(data[i + 1]!) });
    }
    return layers;
  }
}

/** Both towers. Tables live on the host; what TensorFlow.js sees of a batch is the sum of its rows. */
export class TwoTower implements Stateful {
  readonly dim: number;
  /** Words and n-grams, shared by queries and item texts: what a query says of an item, the item's title says too. */
  readonly text: EmbeddingTable;
  readonly id: EmbeddingTable;
  readonly category: EmbeddingTable;
  /** One row a number column, counted as often as the item's number says; undefined where there are none. */
  readonly number: EmbeddingTable | undefined;
  /** Context values of queries; undefined where there are none. */
  readonly context: EmbeddingTable | undefined;
  readonly query: TowerLayers;
  readonly item: TowerLayers;
  /** How the items of a history become query vectors; undefined where there are no users. */
  readonly history: HistoryPooling | undefined;
  private readonly itemFeatures: number;
  private readonly unitItems: boolean;

  constructor(config: PoeemConfig, dataset: Dataset) {
    const { dim, hiddenDim, itemFeatures } = config.model;
    const random = new Random(config.training.seed);
    const init = { random, stddev: TABLE_STDDEV, accumulator: TABLE_ACCUMULATOR, optimizer: config.training.optimizer };
    this.dim = dim;
    this.itemFeatures = itemFeatures;
    this.text = new EmbeddingTable(dataset.vocabulary.length, dim, init);
    this.id = new EmbeddingTable(dataset.ids.length, dim, init);
    this.category = new EmbeddingTable(Math.max(1, dataset.numCategories), dim, init);
    this.query = new TowerLayers(dim, hiddenDim, random);
    this.item = new TowerLayers(dim, hiddenDim, random);
    this.context =
      dataset.contextNames.length > 0 ? new EmbeddingTable(dataset.contextNames.length, dim, init) : undefined;
    this.number = dataset.itemNumbers && new EmbeddingTable(dataset.itemNumbers.names.length, dim, init);
    this.history = dataset.past && new HistoryPooling(config.model.history.as, dim, random, config.model.history.tilt);
    this.unitItems = config.model.itemNorm === "unit";
    if (dataset.past && config.training.start === "spectral") {
      this.id.rows.set(spectralStart(dataset.past.items, dataset.ids.length, dim, config.training.seed));
      // the rows say all that is known so far of where an item lies
      this.category.rows.fill(0);
    }
  }

  /** What a checkpoint holds of the model: tables with their optimizer's memory, layers. */
  private get parts(): Record<string, Stateful> {
    const { text, id, category, number, query, item, context, history } = this;
    const optional = { number, context, history };
    const present = Object.entries(optional).flatMap(([name, part]) => (part ? [[name, part] as const] : []));
    return { text, id, category, query, item, ...Object.fromEntries(present) };
  }

  state(): Promise<State> {
    return joinStates(this.parts);
  }

  restore(state: State): void {
    restoreParts(this.parts, state);
  }

  get variables(): tf.Variable[] {
    return [...this.query.variables, ...this.item.variables, ...(this.history?.variables ?? [])];
  }

  /** Item vectors as they are quantized: inputs (n, dim) → (n, dim), unit rows unless `itemNorm` is free. */
  embedItems(inputs: tf.Tensor2D): tf.Tensor2D {
    return this.item.call(inputs, this.unitItems);
  }

  /**
   * Inputs of the query tower, (queries.length, dim): the mean of a query's text rows plus the sum of its context rows.
   * @param contexts lists of context rows, one of them for each query: `contextOf[i]` for query i
   * @param out zeros to add to
   */
  queryInputs(
    rows: Csr,
    queries: ArrayLike<number>,
    contexts?: QueryContexts,
    out = new Float32Array(queries.length * this.dim),
  ): Float32Array {
    for (let i = 0; i < queries.length; i++) {
      const list = listOf(rows, queries[i]!);
      for (const row of list) this.text.addRow(row, 1 / list.length, out, i * this.dim);
      for (const row of contextRows(contexts, i)) this.context!.addRow(row, 1, out, i * this.dim);
    }
    return out;
  }

  queryGradients(rows: Csr, queries: ArrayLike<number>, gradients: Float32Array, contexts?: QueryContexts): void {
    for (let i = 0; i < queries.length; i++) {
      const list = listOf(rows, queries[i]!);
      for (const row of list) this.text.addGradient(row, 1 / list.length, gradients, i * this.dim);
      for (const row of contextRows(contexts, i)) this.context!.addGradient(row, 1, gradients, i * this.dim);
    }
  }

  /**
   * Inputs of the item tower, (items.length, dim): id row + category rows + number rows, each times its number + for each kind
   * of text the mean of its rows.
   * In training at most `itemFeatures` rows of a text are read, drawn at random; `textRows` keeps which, item by item.
   * @param out zeros to add to
   */
  itemInputs(
    dataset: Dataset,
    items: ArrayLike<number>,
    sample?: { random: Random; textRows: Uint32Array[] },
    out = new Float32Array(items.length * this.dim),
  ): Float32Array {
    const { dim } = this;
    for (let i = 0; i < items.length; i++) {
      const item = items[i]!;
      this.id.addRow(item, 1, out, i * dim);
      for (const row of listOf(dataset.itemCategories, item)) this.category.addRow(row, 1, out, i * dim);
      eachNumber(dataset, item, (row, value) => this.number!.addRow(row, value, out, i * dim));
      for (const text of dataset.itemTexts) {
        let rows = listOf(text, item);
        if (sample) {
          rows = this.sampleRows(rows, sample.random);
          sample.textRows.push(rows);
        }
        for (const row of rows) this.text.addRow(row, 1 / rows.length, out, i * dim);
      }
    }
    return out;
  }

  itemGradients(dataset: Dataset, items: ArrayLike<number>, textRows: Uint32Array[], gradients: Float32Array): void {
    const { dim } = this;
    let next = 0;
    for (let i = 0; i < items.length; i++) {
      const item = items[i]!;
      this.id.addGradient(item, 1, gradients, i * dim);
      for (const row of listOf(dataset.itemCategories, item)) this.category.addGradient(row, 1, gradients, i * dim);
      eachNumber(dataset, item, (row, value) => this.number!.addGradient(row, value, gradients, i * dim));
      for (const _ of dataset.itemTexts) {
        const rows = textRows[next++]!;
        for (const row of rows) this.text.addGradient(row, 1 / rows.length, gradients, i * dim);
      }
    }
  }

  /** Updates the rows that got gradients in this step. */
  stepTables(learningRate: number): void {
    for (const table of [this.text, this.id, this.category, this.number, this.context]) table?.step(learningRate);
  }

  /** Item vectors before quantization for the whole catalogue, (count, dim), in slices that bound memory. */
  async itemVectors(dataset: Dataset, sliceSize = 4096): Promise<Float32Array> {
    const count = dataset.ids.length;
    const vectors = new Float32Array(count * this.dim);
    for (let start = 0; start < count; start += sliceSize) {
      const items = Uint32Array.from({ length: Math.min(sliceSize, count - start) }, (_, i) => start + i);
      const output = tf.tidy(() =>
        this.embedItems(tf.tensor2d(this.itemInputs(dataset, items), [items.length, this.dim])),
      );
      vectors.set((await output.data()) as Float32Array, start * this.dim);
      output.dispose();
    }
    return vectors;
  }

  private sampleRows(rows: Uint32Array, random: Random): Uint32Array {
    if (rows.length <= this.itemFeatures) return rows;
    return Uint32Array.from({ length: this.itemFeatures }, () => rows[random.integer(rows.length)]!);
  }
}
