import type { Random } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import type { State, Stateful } from "../state.ts";
import { readVariables, restoreVariables } from "./dense-optimizer.ts";
import { l2NormalizeRows, matMul } from "./ops.ts";

export type HistoryForm = "mixture" | "mean" | "attention";

/**
 * Makes query vectors of the items of a history: one, their mean or their mean weighted by attention, or one an item for a
 * mixture, each at unit length plus `tilt` times the mean of all of them.
 */
export class HistoryPooling implements Stateful {
  readonly form: HistoryForm;
  readonly tilt: number;
  /** (dim, 1): what attention looks for in an item; nothing for the other forms. */
  readonly variables: tf.Variable[];

  constructor(form: HistoryForm, dim: number, random: Random, tilt = 0) {
    this.form = form;
    this.tilt = form === "mixture" ? tilt : 0;
    const values = () => Float32Array.from({ length: dim }, () => random.normal() / dim);
    this.variables = form === "attention" ? [tf.tidy(() => tf.variable(tf.tensor2d(values(), [dim, 1])))] : [];
  }

  /**
   * @param items (G·S, dim) item vectors, group by group
   * @param placeMask (G, S): 0, very negative in an empty place
   * @returns (G, dim); zeros for a group whose places are all empty
   */
  pool(items: tf.Tensor2D, placeMask: tf.Tensor2D): tf.Tensor2D {
    const [numGroups, numPlaces] = placeMask.shape;
    const [attention] = this.variables as unknown as tf.Tensor2D[];
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

  state(): Promise<State> {
    return readVariables(this.variables);
  }

  restore(state: State): void {
    restoreVariables(this.variables, state);
  }
}
