import { orderedSum, planSums, type RowLists, transposedLists } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import type { EmbeddingTable } from "../../model/embedding-table.ts";
import { ROW_UPDATES } from "../../model/row-updates.ts";
import { type DeviceSource, DeviceState, type SourceReads, type SourceStep } from "./device-source.ts";

/** A table on the device. A step gathers each row that it reads once, and puts it back once. */
export class DeviceTable implements DeviceSource {
  readonly #table: EmbeddingTable;
  /** Undefined before a row was read, of which a table may have none. */
  #state: DeviceState | undefined;
  readonly #slotOf: Int32Array;

  constructor(table: EmbeddingTable) {
    this.#table = table;
    this.#slotOf = new Int32Array(table.numRows).fill(-1);
  }

  prepare(reads: readonly SourceReads[]): SourceStep {
    const { rows, lists } = this.#slots(reads.map((read) => read.lists));
    const towers = reads.map(({ tower }) => tower);
    if (rows.length === 0) return { sums: () => [], update: () => undefined };
    this.#state ??= new DeviceState(this.#table.numRows, () => this.#table.state());
    const state = this.#state;
    const plans = lists.map(planSums);
    const back = planSums(transposedLists(joinedLists(lists), rows.length));
    let read: tf.Tensor2D | undefined;
    return {
      sums: () => {
        read = tf.keep(tf.gatherND(state.tensors["rows"]!, placesOf(rows)) as tf.Tensor2D);
        return plans.map((plan, i) => ({ tower: towers[i]!, sums: orderedSum(read!, plan) }));
      },
      update: (gradients, learningRate) => {
        const own = towers.map((tower) => gradients[tower]!);
        const gradient = orderedSum(own.length === 1 ? own[0]! : tf.concat2d(own, 0), back);
        this.#update(state, rows, read!, gradient, learningRate);
        read!.dispose();
      },
    };
  }

  /** Every row of some lists once, and the lists with the places of these in place of rows. */
  #slots(lists: readonly RowLists[]): { rows: Int32Array; lists: RowLists[] } {
    const slotOf = this.#slotOf;
    const met: number[] = [];
    const own = lists.map(({ ends, rows, weights }) => {
      const slots = new Uint32Array(rows.length);
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i]!;
        if (slotOf[row]! < 0) slotOf[row] = met.push(row) - 1;
        slots[i] = slotOf[row]!;
      }
      return { ends, rows: slots, weights: weights?.every((weight) => weight === 1) ? undefined : weights };
    });
    for (const row of met) slotOf[row] = -1;
    return { rows: Int32Array.from(met), lists: own };
  }

  /** @param read (U, dim) rows as they were, @param gradients (U, dim) */
  #update(state: DeviceState, rows: Int32Array, read: tf.Tensor2D, gradients: tf.Tensor2D, learningRate: number): void {
    const { rows: _, ...memory } = state.tensors;
    const places = placesOf(rows);
    const own = Object.fromEntries(
      Object.entries(memory).map(([name, all]) => [name, tf.gatherND(all, places) as tf.Tensor2D]),
    );
    const moved = ROW_UPDATES[this.#table.optimizer](read, gradients, own, learningRate);
    // one after the other, so that no more than one of them is there twice
    for (const [name, values] of Object.entries({ rows: moved.rows, ...moved.memory }))
      state.set(name, tf.tensorScatterUpdate<tf.Rank.R2>(state.tensors[name]!, places, values));
  }

  async pull(): Promise<void> {
    await this.#state?.pull();
  }

  dispose(): void {
    this.#state?.dispose();
  }
}

/** (rows, 1), as what gathers and scatters single rows wants them. */
const placesOf = (rows: Int32Array): tf.Tensor2D => tf.tensor2d(rows, [rows.length, 1], "int32");

/** Lists of several towers, one after another. */
function joinedLists(lists: readonly RowLists[]): RowLists {
  if (lists.length === 1) return lists[0]!;
  const ends = new Uint32Array(lists.reduce((sum, own) => sum + own.ends.length, 0));
  const rows = new Uint32Array(lists.reduce((sum, own) => sum + own.rows.length, 0));
  const weights = lists.some((own) => own.weights) ? new Float64Array(rows.length).fill(1) : undefined;
  let [list, entry] = [0, 0];
  for (const own of lists) {
    for (const end of own.ends) ends[list++] = entry + end;
    rows.set(own.rows, entry);
    if (own.weights) weights!.set(own.weights, entry);
    entry += own.rows.length;
  }
  return { ends, rows, weights };
}
