import { MASKED, type Random } from "@poeem/indexing-layer";
import type { HistoryForm, HistoryWeights, Partition } from "@poeem/towers";
import * as tf from "@tensorflow/tfjs";
import { gather } from "../../data/gather.ts";
import type { State, Stateful } from "../../state.ts";
import { readVariables, restoreVariables } from "../dense-optimizer.ts";
import { l2NormalizeRows, matMul } from "../ops.ts";

/** Where the lean of a mixture starts: near to what is learned. */
const LEAN = 0.5;

/** What a history head is made from; the meaning of each is in the configuration. */
export interface HistorySettings {
  readonly as: HistoryForm;
  readonly length: number;
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
   * (dim, 1): what attention looks for in an item; the logarithm of a mixture's lean, where it has one; else nothing.
   */
  readonly variables: tf.Variable[];
  /** Whether a mixture leans from a text or a context. */
  readonly leans: boolean;
  readonly #dim: number;

  constructor({ as: form, length, tilt = 0, scale, dim, combines = false }: HistorySettings, random: Random) {
    this.form = form;
    this.length = length;
    this.tilt = form === "mixture" ? tilt : 0;
    this.scale = scale;
    this.#dim = dim;
    const values = () => Float32Array.from({ length: dim }, () => random.normal() / dim);
    this.leans = form === "mixture" && combines;
    this.variables = [
      ...(form === "attention" ? [tf.tidy(() => tf.variable(tf.tensor2d(values(), [dim, 1])))] : []),
      ...(this.leans ? [tf.tidy(() => tf.variable(tf.scalar(Math.log(LEAN))))] : []),
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
   * @returns (G·S, dim); those of empty places say nothing
   */
  components(items: tf.Tensor2D, placeMask: tf.Tensor2D): tf.Tensor2D {
    const units = l2NormalizeRows(items);
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
   * @param items (G·S, dim) item vectors, group by group
   * @param placeMask (G, S): 0, very negative in an empty place
   * @param known (G, 1): 1, or 0 where nothing is known of text and context; left out: all are known
   * @returns (G·S, dim); in an empty place the vector of the text
   */
  leaning(beside: tf.Tensor2D, items: tf.Tensor2D, placeMask: tf.Tensor2D, known?: tf.Tensor2D): tf.Tensor2D {
    const [numGroups, numPlaces] = placeMask.shape;
    const dim = this.#dim;
    const lean = tf.exp(this.variables[0]!);
    // 1 where there is nothing to lean from
    const leans = known ? tf.add(tf.mul(known, tf.sub(lean, 1)), 1) : lean;
    const shares = tf.mul(tf.cast(tf.greaterEqual(placeMask, 0), "float32"), leans);
    const components = tf.reshape(this.components(items, placeMask), [numGroups, numPlaces, dim]);
    const from = tf.reshape(known ? tf.mul(beside, known) : beside, [numGroups, 1, dim]);
    const leaning = tf.add(from, tf.mul(components, tf.reshape(shares, [numGroups, numPlaces, 1])));
    return tf.reshape(leaning, [numGroups * numPlaces, dim]);
  }

  /** As they travel. @param partition of a mixture */
  async weights(partition?: Partition): Promise<HistoryWeights> {
    const { form, length, scale, tilt } = this;
    const [attention] = this.#attention;
    const lean = this.leans ? Math.exp((await this.variables[0]!.data())[0]!) : undefined;
    return {
      ...{ kind: "history", form, length, scale, tilt },
      ...(lean !== undefined && { lean }),
      ...(attention && { attention: Float32Array.from((await attention.data()) as Float32Array) }),
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
