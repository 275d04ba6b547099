import { MASKED, type Random } from "@poeem/indexing-layer";
import type { HistoryComponents, HistoryForm, HistoryWeights, Partition } from "@poeem/towers";
import * as tf from "@tensorflow/tfjs";
import { gather } from "../../data/gather.ts";
import type { State, Stateful } from "../../state.ts";
import { readVariables, restoreVariables } from "../dense-optimizer.ts";
import { l2NormalizeRows, matMul } from "../ops.ts";

/** Where the lean of a mixture starts: near to what is learned. */
const LEAN = 0.5;

/** Log weights of the ranks at the start: near to what is learned, and none so low that it learns nothing. */
const startOfRank = (rank: number): number => Math.max(-0.65 * rank, -5);

/** What a history head is made from; the meaning of each is in the configuration. */
export interface HistorySettings {
  readonly as: HistoryForm;
  readonly length: number;
  readonly order?: boolean;
  readonly tilt?: number;
  readonly scale: number;
  readonly dim: number;
  /** Whether queries have a text or a context too. */
  readonly combines?: boolean;
}

/**
 * Makes query vectors of the items of a history: one, their mean or their mean weighted by attention, or one an item
 * for a mixture, each at unit length plus `tilt` times the mean of all of them. Beside a text or a context, the vector
 * of these leans to each of a mixture's.
 */
export class HistoryPooling implements Stateful {
  readonly form: HistoryForm;
  /** Newest items of a history that are read. */
  readonly length: number;
  readonly tilt: number;
  readonly scale: number;
  /**
   * (dim, 1): what attention looks for in an item; of a mixture with an order (length) log weights, the newest item's
   * first, and (dim, dim) the source map; the logarithm of a mixture's lean comes last, where it has one.
   */
  readonly variables: tf.Variable[];
  readonly isOrdered: boolean;
  /** Whether a mixture leans from a text or a context. */
  readonly leans: boolean;
  readonly #dim: number;

  /** @param source (dim, dim) where the source map starts; left out: at the identity */
  constructor(settings: HistorySettings, random: Random, source?: Float32Array) {
    const { as: form, length, order = false, tilt = 0, scale, dim, combines = false } = settings;
    this.form = form;
    this.length = length;
    this.tilt = form === "mixture" ? tilt : 0;
    this.scale = scale;
    this.#dim = dim;
    this.isOrdered = order;
    const values = () => Float32Array.from({ length: dim }, () => random.normal() / dim);
    this.leans = form === "mixture" && combines;
    const variable = (make: () => tf.Tensor): tf.Variable => tf.tidy(() => tf.variable(make()));
    const ranks = Float32Array.from({ length }, (_, rank) => startOfRank(rank));
    const map = () => (source ? tf.tensor2d(source, [dim, dim]) : tf.eye(dim));
    this.variables = [
      ...(order ? [variable(() => tf.tensor1d(ranks)), variable(map)] : []),
      ...(form === "attention" ? [variable(() => tf.tensor2d(values(), [dim, 1]))] : []),
      ...(this.leans ? [variable(() => tf.scalar(Math.log(LEAN)))] : []),
    ];
  }

  /**
   * Histories as `pool` and `components` take them: (G·S, dim) item vectors, and (G, S) which places are empty.
   * @param items (count, dim)
   */
  place(histories: readonly Uint32Array[], items: Float32Array): [tf.Tensor2D, tf.Tensor2D] {
    const dim = this.#dim;
    const places = Math.max(1, ...histories.map((history) => history.length));
    const read = new Float32Array(histories.length * places * dim);
    const mask = new Float32Array(histories.length * places).fill(MASKED);
    histories.forEach((history, i) => {
      read.set(gather(items, history, dim), i * places * dim);
      mask.fill(0, i * places, i * places + history.length);
    });
    return [tf.tensor2d(read, [histories.length * places, dim]), tf.tensor2d(mask, [histories.length, places])];
  }

  /**
   * @param items (G·S, dim) item vectors, group by group
   * @param placeMask (G, S): 0, very negative in an empty place
   * @returns (G, dim); zeros for a group whose places are all empty
   */
  pool(items: tf.Tensor2D, placeMask: tf.Tensor2D): tf.Tensor2D {
    const [numGroups, numPlaces] = placeMask.shape;
    const [attention] = this.#attention as unknown as tf.Tensor2D[];
    const logits = attention ? tf.reshape(matMul(items, attention), [numGroups, numPlaces]) : tf.zerosLike(placeMask);
    // softmax gives the places of an empty group equal shares; the second factor takes them away
    const filled = tf.cast(tf.greaterEqual(placeMask, 0), "float32");
    const shares = tf.mul(tf.softmax(tf.add(logits, placeMask) as tf.Tensor2D), filled);
    const dim = items.shape[1];
    const weighted = tf.mul(
      tf.reshape(items, [numGroups, numPlaces, dim]),
      tf.reshape(shares, [numGroups, numPlaces, 1]),
    );
    return tf.sum(weighted, 1) as tf.Tensor2D;
  }

  /**
   * @param items (G·S, dim) item vectors, group by group
   * @param placeMask (G, S): 0, very negative in an empty place
   * @param dropped (G·S, dim) factors of the coordinates, in training
   * @returns (G·S, dim); those of empty places say nothing
   */
  components(items: tf.Tensor2D, placeMask: tf.Tensor2D, dropped?: tf.Tensor2D): tf.Tensor2D {
    const units = this.sources(items, dropped);
    if (this.tilt === 0) return units;
    const [numGroups, numPlaces] = placeMask.shape;
    const dim = units.shape[1];
    const filled = tf.cast(tf.greaterEqual(placeMask, 0), "float32");
    const shares = tf.div(tf.mul(filled, this.tilt), tf.maximum(tf.sum(filled, 1, true), 1));
    const grouped = tf.reshape(units, [numGroups, numPlaces, dim]);
    const lean = tf.sum(tf.mul(grouped, tf.reshape(shares, [numGroups, numPlaces, 1])), 1, true);
    return tf.reshape(tf.add(grouped, lean), [numGroups * numPlaces, dim]);
  }

  /**
   * The vectors of texts and contexts, each leaning to the components of its history; a component of a query without
   * either is the query itself.
   * @param beside (G, dim) unit rows
   * @param components (G·S, dim), group by group
   * @param placeMask (G, S): 0, very negative in an empty place
   * @param known (G, 1): 1, or 0 where nothing is known of text and context; left out: all are known
   * @returns (G·S, dim); in an empty place the vector of the text
   */
  leaning(beside: tf.Tensor2D, components: tf.Tensor2D, placeMask: tf.Tensor2D, known?: tf.Tensor2D): tf.Tensor2D {
    const [numGroups, numPlaces] = placeMask.shape;
    const dim = this.#dim;
    const lean = tf.exp(this.variables.at(-1)!);
    // 1 where there is nothing to lean from
    const leans = known ? tf.add(tf.mul(known, tf.sub(lean, 1)), 1) : lean;
    const shares = tf.mul(tf.cast(tf.greaterEqual(placeMask, 0), "float32"), leans);
    const grouped = tf.reshape(components, [numGroups, numPlaces, dim]);
    const from = tf.reshape(known ? tf.mul(beside, known) : beside, [numGroups, 1, dim]);
    const leaning = tf.add(from, tf.mul(grouped, tf.reshape(shares, [numGroups, numPlaces, 1])));
    return tf.reshape(leaning, [numGroups * numPlaces, dim]);
  }

  /**
   * Log weights of what `leaning` gives: one over Z to the power of the lean, of an item of the history; a text without
   * one is its group's first place.
   * @param logZ (G, S) of the components
   * @param placeMask (G, S): 0, very negative in an empty place
   */
  leaningWeights(logZ: tf.Tensor2D, placeMask: tf.Tensor2D): tf.Tensor2D {
    const [, numPlaces] = placeMask.shape;
    const filled = tf.cast(tf.greaterEqual(placeMask, 0), "float32");
    const isFirst = tf.tensor2d(
      Float32Array.from({ length: numPlaces }, (_, s) => Number(s === 0)),
      [1, numPlaces],
    );
    const isText = tf.mul(isFirst, tf.sub(1, tf.max(filled, 1, true)));
    const weights = tf.mul(tf.mul(tf.neg(tf.exp(this.variables.at(-1)!)), logZ), filled);
    return tf.add(weights, tf.mul(placeMask, tf.sub(1, isText)));
  }

  /**
   * What is searched for after an item, whoever had it: (n, dim) item vectors → unit rows, mapped where order counts.
   * @param dropped (n, dim) factors of the coordinates, in training
   */
  sources(items: tf.Tensor2D, dropped?: tf.Tensor2D): tf.Tensor2D {
    const read: tf.Tensor2D = dropped ? tf.mul(items, dropped) : items;
    return l2NormalizeRows(this.isOrdered ? matMul(read, this.variables[1] as unknown as tf.Tensor2D) : read);
  }

  /** (places) log weights of the newest items, the newest first. */
  rankWeights(places: number): tf.Tensor1D {
    return tf.slice(this.variables[0] as unknown as tf.Tensor1D, 0, places);
  }

  /** What turns a history into the components of a mixture, as the published tower has it. */
  async componentsOf(): Promise<HistoryComponents> {
    const [recency, source] = this.isOrdered ? await Promise.all(this.variables.map(valuesOf)) : [];
    return { tilt: this.tilt, ...(recency && { recency }), ...(source && { source }) };
  }

  /** As they travel. @param partition of a mixture */
  async weights(partition?: Partition): Promise<HistoryWeights> {
    const { form, length, scale } = this;
    const [attention] = this.#attention;
    const lean = this.leans ? Math.exp((await valuesOf(this.variables.at(-1)!))[0]!) : undefined;
    return {
      ...{ kind: "history", form, length, scale, ...(await this.componentsOf()) },
      ...(lean !== undefined && { lean }),
      ...(attention && { attention: await valuesOf(attention) }),
      ...(partition && { partition }),
    };
  }

  get #attention(): readonly tf.Variable[] {
    return this.form === "attention" ? this.variables : [];
  }

  state(): Promise<State> {
    return readVariables(this.variables);
  }

  restore(state: State): void {
    restoreVariables(this.variables, state);
  }
}

/** A copy: some backends answer with a view of memory that the next operation may reuse. */
async function valuesOf(variable: tf.Variable): Promise<Float32Array> {
  return Float32Array.from((await variable.data()) as Float32Array);
}
