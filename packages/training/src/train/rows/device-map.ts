import * as tf from "@tensorflow/tfjs";
import type { LearnedMap } from "../../model/learned-map.ts";
import { ROW_UPDATES } from "../../model/row-updates.ts";
import { unitVectors } from "../../model/vector-map.ts";
import { type DeviceSource, DeviceState, type SourceReads, type SourceStep } from "./device-source.ts";

/** Vectors that are kept on the device; more of them are sent as they are read. */
const MOST_BYTES = 2 ** 31;

/** What one tower reads: (n, length) unit vectors, and which of the n have one. */
interface MapReads {
  readonly tower: number;
  readonly vectors: () => tf.Tensor2D;
  /** (n) 1 or 0; undefined where all have one. */
  readonly known: Float32Array | undefined;
}

/** A learned map on the device, with the vectors that it is of. */
export class DeviceMap implements DeviceSource {
  readonly #map: LearnedMap;
  readonly #state: DeviceState;
  /** (count, length); undefined where they are too many. */
  readonly #vectors: tf.Tensor2D | undefined;

  constructor(map: LearnedMap) {
    const { length, values } = map.vectors;
    this.#map = map;
    this.#state = new DeviceState(length + 1, () => map.state());
    if (values.byteLength > MOST_BYTES) return;
    const count = values.length / length;
    const all = Uint32Array.from({ length: count }, (_, row) => row);
    this.#vectors = tf.keep(tf.tensor2d(unitVectors(map.vectors, all), [count, length]));
  }

  prepare(reads: readonly SourceReads[]): SourceStep {
    const own = reads.map((read) => this.#prepare(read));
    const { length } = this.#map.vectors;
    const { dim } = this.#map;
    let read: { x: tf.Tensor2D; known: tf.Tensor2D | undefined }[] = [];
    return {
      sums: () => {
        const rows = this.#state.tensors["rows"]!;
        const [map, bias] = [tf.slice2d(rows, [0, 0], [length, dim]), tf.slice2d(rows, [length, 0], [1, dim])];
        read = own.map(({ vectors, known }) => ({
          x: tf.keep(vectors()),
          known: known && tf.keep(tf.tensor2d(known, [known.length, 1])),
        }));
        return read.map(({ x, known }, i) => {
          const sums = tf.add<tf.Tensor2D>(tf.matMul(x, map), bias);
          return { tower: own[i]!.tower, sums: known ? tf.mul(sums, known) : sums };
        });
      },
      update: (gradients, learningRate) => {
        const parts = read.map(({ x, known }, i) => {
          const all = gradients[own[i]!.tower]!;
          const of = known ? tf.mul<tf.Tensor2D>(all, known) : all;
          return tf.concat2d([tf.matMul(x, of, true), tf.sum(of, 0, true)], 0);
        });
        const { rows, ...memory } = this.#state.tensors;
        const gradient = parts.reduce((sum, part) => tf.add(sum, part));
        const rate = this.#map.rateOf(learningRate);
        const moved = ROW_UPDATES[this.#map.optimizer](rows!, gradient, memory, rate);
        for (const [name, values] of Object.entries({ rows: moved.rows, ...moved.memory }))
          this.#state.set(name, values);
        for (const { x, known } of read) tf.dispose([x, ...(known ? [known] : [])]);
      },
    };
  }

  /** Lists have one row each, or none. */
  #prepare({ tower, lists: { ends, rows } }: SourceReads): MapReads {
    const { length } = this.#map.vectors;
    const n = ends.length;
    const all = new Int32Array(n);
    const known = rows.length < n ? new Float32Array(n) : undefined;
    for (let i = 0, at = 0; i < n; i++) {
      if (at === ends[i]!) continue;
      all[i] = rows[at++]!;
      if (known) known[i] = 1;
    }
    const resident = this.#vectors;
    if (resident)
      return { tower, known, vectors: () => tf.gatherND(resident, tf.tensor2d(all, [n, 1], "int32")) as tf.Tensor2D };
    const sent = unitVectors(this.#map.vectors, all);
    return { tower, known, vectors: () => tf.tensor2d(sent, [n, length]) };
  }

  pull(): Promise<void> {
    return this.#state.pull();
  }

  dispose(): void {
    this.#state.dispose();
    this.#vectors?.dispose();
  }
}
