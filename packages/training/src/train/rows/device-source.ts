import type { RowLists } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import type { State } from "../../state.ts";

/** Lists of rows that a tower reads of a source. */
export interface SourceReads {
  readonly tower: number;
  readonly lists: RowLists;
}

/** A source of rows on the device. */
export interface DeviceSource {
  /** The host's part of a step; the lists are good until it returns. */
  prepare(reads: readonly SourceReads[]): SourceStep;
  /** Puts what was learned into the source that this came from. */
  pull(): Promise<void>;
  dispose(): void;
}

/** What a step reads of a source. */
export interface SourceStep {
  /** (lists, dim) of each reading tower. */
  sums(): { readonly tower: number; readonly sums: tf.Tensor2D }[];
  /** Once, after `sums`. @param gradients of the sums of all towers together, by tower */
  update(gradients: readonly tf.Tensor2D[], learningRate: number): void;
}

/** The arrays of a state, some numbers for each of `numRows` rows, on the device. */
export class DeviceState {
  readonly #arrays: () => State;
  readonly #tensors: Record<string, tf.Tensor2D>;

  /**
   * @param numRows at least one
   * @param arrays views of the live ones, to be written to
   */
  constructor(numRows: number, arrays: () => State) {
    this.#arrays = arrays;
    this.#tensors = Object.fromEntries(
      Object.entries(arrays() as Record<string, Float32Array | Uint32Array>).map(([name, values]) => {
        // a copy: a backend may keep the memory itself
        const copy = values instanceof Float32Array ? values.slice() : Float32Array.from(values);
        return [name, tf.keep(tf.tensor2d(copy, [numRows, values.length / numRows]))];
      }),
    );
  }

  /** (numRows, width) by name; kept. */
  get tensors(): Readonly<Record<string, tf.Tensor2D>> {
    return this.#tensors;
  }

  /** Takes the place of one of them. */
  set(name: string, tensor: tf.Tensor2D): void {
    this.#tensors[name]?.dispose();
    this.#tensors[name] = tf.keep(tensor);
  }

  async pull(): Promise<void> {
    const arrays = this.#arrays() as Record<string, Float32Array | Uint32Array>;
    for (const [name, tensor] of Object.entries(this.#tensors)) arrays[name]!.set(await tensor.data());
  }

  dispose(): void {
    tf.dispose(Object.values(this.#tensors));
  }
}
