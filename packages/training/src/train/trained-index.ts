import type { DataFacts } from "../data/report.ts";
import type { EpochFacts } from "./measurements.ts";

/** What a training leaves, and how it went. */
export interface TrainedIndex extends Partial<EpochFacts> {
  readonly out: string;
  readonly version: string;
  readonly items: number;
  readonly bytes: number;
  readonly chunks: number;
  /** Where TensorFlow.js computed. */
  readonly backend: string;
  readonly seconds: number;
  readonly examplesPerSecond: number;
  readonly steps: number;
  readonly data: DataFacts;
}
