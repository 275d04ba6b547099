import { Random } from "@poeem/indexing-layer";
import type { Tick } from "@poeem/offline/progress";
import type {
  ItemInputWeights,
  ItemTowerWeights,
  KnownWeights,
  Partition,
  QueryInputWeights,
  QueryTowerWeights,
} from "@poeem/towers";
import * as tf from "@tensorflow/tfjs";
import type { PoeemConfig } from "../config.ts";
import { gather } from "../data/gather.ts";
import { asksMoreThanHistory, distinctHistories } from "../data/past.ts";
import type { Dataset } from "../data/types.ts";
import { joinStates, restoreParts, type State, type Stateful } from "../state.ts";
import { embeddingStart } from "./embedding-start.ts";
import { HistoryPooling } from "./inputs/history.ts";
import type { ItemBatch, QueryBatch } from "./inputs/input.ts";
import { createItemInputs, createQueryInputs, type TowerInputs } from "./inputs/tower-inputs.ts";
import { type OrderedStart, orderedStart } from "./ordered-start.ts";
import type { Learned } from "./row-source.ts";
import { SharedText } from "./shared-text.ts";
import { spectralStart } from "./spectral-start.ts";
import { TowerLayers } from "./tower-layers.ts";

// A row's gradients are means over a batch and over the features of a text, about 1e-5 each. A start well below their
// square lets a rare row take full steps from its first event on; with 1e-4 it hardly moves in a whole training.
const ALONE = { stddev: 0.1, accumulator: 1e-8 };
/**
 * Of tables beside embeddings, which say at the start already where things lie. A rare row had better not move then:
 * with few events it would only undo that.
 */
const BESIDE = { stddev: 0.01, accumulator: 0.1 };

/** Where the id rows of items start, and the source map of ordered histories; nothing for a random start. */
function startOf({ model, training }: PoeemConfig, { past, ids }: Dataset): Partial<OrderedStart> {
  if (!past || training.start === "random") return {};
  const histories = distinctHistories(past);
  if (model.history.order) return orderedStart(histories, ids.length, model.dim, training.seed);
  return { items: spectralStart(histories, ids.length, model.dim, training.seed) };
}

/**
 * Both towers. Their tables are on the host, where a training's steps keep them up to date or, on a device, bring them
 * when they are asked to (`JointStep.pull`). What TensorFlow.js sees of a batch is the sum of its rows.
 */
export class TwoTower implements Stateful {
  readonly dim: number;
  readonly text: SharedText;
  readonly queryInputs: TowerInputs<QueryBatch, QueryInputWeights>;
  readonly itemInputs: TowerInputs<ItemBatch, ItemInputWeights>;
  readonly query: TowerLayers;
  readonly item: TowerLayers;
  /** How the items of a history become query vectors; undefined where there are no users. */
  readonly history: HistoryPooling | undefined;
  readonly #ids: Dataset["ids"];
  readonly #unitItems: boolean;

  constructor(config: PoeemConfig, dataset: Dataset) {
    const { dim, hiddenDim, history } = config.model;
    const { seed, optimizer, scale } = config.training;
    const random = new Random(seed);
    const { items: rows, source } = startOf(config, dataset);
    const embeddings = embeddingStart(config, dataset, rows !== undefined);
    const table = { random, ...(embeddings.isKnown ? BESIDE : ALONE), optimizer };
    this.dim = dim;
    this.#ids = dataset.ids;
    this.#unitItems = config.model.itemNorm === "unit";
    this.text = new SharedText(dataset, dim, table);
    const start = rows ?? (embeddings.isKnown ? new Float32Array(dataset.ids.length * dim) : undefined);
    const init = { config, dataset, dim, table, text: this.text, embeddings, start };
    this.itemInputs = createItemInputs(init);
    this.query = new TowerLayers(dim, hiddenDim, random);
    this.item = new TowerLayers(dim, hiddenDim, random);
    this.queryInputs = createQueryInputs(init);
    const combines = asksMoreThanHistory(dataset);
    this.history = dataset.past && new HistoryPooling({ ...history, dim, scale, combines }, random, source);
  }

  get #learned(): Record<string, Learned> {
    return { ...this.itemInputs.learned, ...this.queryInputs.learned };
  }

  /** What a checkpoint holds of the model: tables with their optimizer's memory, layers. */
  get #parts(): Record<string, Stateful> {
    const { query, item, history } = this;
    return { ...this.#learned, query, item, ...(history && { history }) };
  }

  state(): Promise<State> {
    return joinStates(this.#parts);
  }

  restore(state: State): void {
    restoreParts(this.#parts, state);
  }

  get variables(): tf.Variable[] {
    return [...this.query.variables, ...this.item.variables, ...(this.history?.variables ?? [])];
  }

  /** Item vectors as they are quantized: inputs (n, dim) → (n, dim), unit rows unless `itemNorm` is free. */
  embedItems(inputs: tf.Tensor2D): tf.Tensor2D {
    return this.item.call(inputs, this.#unitItems);
  }

  /** Ends training: what travels rounded replaces what was learned. */
  settle(): void {
    this.text.settle();
    this.queryInputs.settle();
    this.itemInputs.settle();
  }

  /** Updates the rows that got gradients in this step. */
  stepTables(learningRate: number): void {
    for (const learned of Object.values(this.#learned)) learned.step(learningRate);
  }

  /**
   * Item vectors before quantization, (count, dim), in slices that bound memory.
   * @param count leading items; default: all
   */
  async itemVectors(count = this.#ids.length, tick?: Tick, sliceSize = 4096): Promise<Float32Array> {
    const vectors = new Float32Array(count * this.dim);
    for (let start = 0; start < count; start += sliceSize) {
      const items = Uint32Array.from({ length: Math.min(sliceSize, count - start) }, (_, i) => start + i);
      const inputs = new Float32Array(items.length * this.dim);
      this.itemInputs.add(items, inputs);
      const output = tf.tidy(() => this.embedItems(tf.tensor2d(inputs, [items.length, this.dim])));
      vectors.set((await output.data()) as Float32Array, start * this.dim);
      output.dispose();
      await tick?.(start + items.length);
    }
    return vectors;
  }

  /**
   * Query vectors of a batch of n: (n, dim), or (n·places, dim) of a mixture.
   * @param histories of each query, and the vectors (count, dim) that they are read from; left out without histories
   */
  embedQueries(
    batch: QueryBatch,
    n: number,
    histories?: { readonly lists: readonly Uint32Array[]; readonly items: Float32Array },
  ): tf.Tensor2D {
    const { dim, history } = this;
    return tf.tidy(() => {
      const placed = history && histories && history.place(histories.lists, histories.items);
      if (placed && history.form === "mixture" && !history.leans) return history.components(...placed);
      const sums = new Float32Array(n * dim);
      this.queryInputs.add(batch, sums);
      const inputs = tf.tensor2d(sums, [n, dim]);
      if (placed && history.leans) {
        const known = Float32Array.from({ length: n }, (_, i) =>
          Number(sums.subarray(i * dim, (i + 1) * dim).some((value) => value !== 0)),
        );
        const components = history.components(...placed);
        return history.leaning(this.query.call(inputs), components, placed[1], tf.tensor2d(known, [n, 1]));
      }
      return this.query.call(placed ? (tf.add(inputs, history.pool(...placed)) as tf.Tensor2D) : inputs);
    });
  }

  /** The query tower as it travels. @param partition of a mixture */
  async queryTower(partition?: Partition): Promise<QueryTowerWeights> {
    const history = await this.history?.weights(partition);
    // without anything to lean from, the vectors of a mixture are those of the items themselves
    const isTrained = this.history?.form !== "mixture" || this.history.leans;
    return {
      width: this.dim,
      inputs: [...this.queryInputs.weights(), ...(history ? [history] : [])],
      layers: isTrained ? await this.query.dense() : [],
      skip: isTrained && this.query.variables.length > 0,
    };
  }

  /** What is remembered of items by their ids: of all of them, or of those with training queries, or of none. */
  #known(): KnownWeights[] {
    const { dim, itemInputs } = this;
    const ids = [...this.#ids];
    const known = Uint32Array.from([...ids.keys()].filter((item) => itemInputs.remembers(item)));
    if (known.length === 0) return [];
    const rows = new Float32Array(ids.length * dim);
    itemInputs.remember(rows);
    const names = Array.from(known, (item) => ids[item]!);
    return [{ kind: "known", names, rows: known.length === ids.length ? rows : gather(rows, known, dim) }];
  }

  /** The item tower as it travels. */
  async itemTower(): Promise<ItemTowerWeights> {
    return {
      width: this.dim,
      inputs: [...this.#known(), ...this.itemInputs.weights()],
      layers: await this.item.dense(),
      skip: this.item.variables.length > 0,
      unit: this.#unitItems,
    };
  }
}
