import type * as tf from "@tensorflow/tfjs";
import type { RowsRead } from "../../model/row-source.ts";

/** What the inputs of one tower read in a step. */
export interface TowerReads {
  /** Queries or items of the tower. */
  readonly count: number;
  readonly reads: readonly RowsRead[];
}

/**
 * How steps read and update what the inputs of the towers learn, where it lies: in the memory of the process, or on the
 * device. Both do the same; `Prepared` is what one of them makes of what a step reads.
 */
export interface StepRows<Prepared = unknown> {
  /** Steps whose losses are read back together. */
  readonly readEvery: number;
  /** Whether a step may be prepared while the one before it is being computed. */
  readonly isAhead: boolean;
  /** The host's part of a step, before it is needed. */
  prepare(towers: readonly TowerReads[]): Prepared;
  /** (count, dim) sums of what each tower reads, as variables, to have gradients. The caller disposes of them. */
  sums(prepared: Prepared): tf.Variable[];
  /** Updates what was read. @param gradients of the sums of each tower */
  update(prepared: Prepared, gradients: readonly tf.Tensor2D[], learningRate: number): Promise<void>;
  /** Brings the model up to date with what steps have learned: before anything else reads it. */
  pull(): Promise<void>;
  /** Takes up what the model has now, which was restored. */
  reset(): void;
  dispose(): void;
}
