import type { IndexingLayerConfig } from "./config.ts";

/** Everything that a training run needs to go on as if it had never stopped. Arrays are copies. */
export interface IndexingLayerState {
  readonly version: 1;
  readonly config: IndexingLayerConfig;
  readonly step: number;
  readonly ready: boolean;
  readonly random: number;
  /** Rows gathered so far, (bufferFill, dim). */
  readonly buffer: Float32Array;
  /** Float64, because R is kept in double precision on the host. */
  readonly rotation: Float64Array;
  /** Moving average of the item/quantized correlation, empty when unused. */
  readonly correlation: Float64Array;
  readonly variables: Readonly<Record<string, Float32Array>>;
}
