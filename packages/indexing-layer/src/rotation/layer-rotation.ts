import type { Assignment } from "../losses/loss.ts";

/** The rotation R of a layer, and what turns it; the quantizer has R on the backend. */
export interface LayerRotation {
  /** Takes in a batch and turns R. @param updates how many there are with this one, also those before a restart */
  update(batch: Assignment, updates: number): Promise<void>;
  /** (dim, dim) row-major. */
  matrix(): Promise<Float64Array>;
  /** (dim, dim) moving average of the correlation between rotated items and what they are quantized to. */
  correlation(): Promise<Float64Array>;
  /** Starts again from a rotation, and from a correlation of zeros when that is left out. */
  reset(matrix: Float64Array, correlation?: Float64Array): void;
  dispose(): void;
}
