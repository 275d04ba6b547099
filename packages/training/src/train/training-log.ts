import { BESIDE } from "@poeem/offline/index-folder/own-files";
import type { WeightsChoice } from "../words/weights.ts";

/**
 * What training measured along the way: `trainModel` fills it, the report draws it, `model/training-log.json` in the
 * index folder keeps it (not published, and no part of the artifact: seconds differ from run to run).
 */
export interface TrainingLog {
  readonly records: readonly TrainingRecord[];
  /** Steps at which something a reader should see in the plots happened, for example the k-means start. */
  readonly milestones: readonly { readonly step: number; readonly text: string }[];
  /** What `validationRecall` is: recall@k over this many held-out queries. Absent without validation. */
  readonly validation?: { readonly k: number; readonly queries: number };
  /** By what codes and words were weighed once all was learned. Absent for an index without words. */
  readonly words?: WeightsChoice | undefined;
}

/** One point of the curves, about {@link RECORDS_A_RUN} per run: means over the steps since the record before. */
export interface TrainingRecord {
  /** Steps finished, from 1. */
  readonly step: number;
  /** The epoch it lies in, from 1. */
  readonly epoch: number;
  /** Examples seen since the start of training. */
  readonly examples: number;
  readonly loss: number;
  /** Mean distortion ‖x − x̂‖² of an item; null while the quantizer is bypassed. */
  readonly distortion: number | null;
  /** Recall of the validation queries, on the records at which it was measured. */
  readonly validationRecall?: number;
  /** Since training began, of all runs that were resumed together. */
  readonly seconds: number;
}

/** Records to aim for: enough for a smooth curve, few enough for a small page. */
export const RECORDS_A_RUN = 400;

/** Where the log lies inside the index folder. Not published. */
export const TRAINING_LOG_FILE = BESIDE.trainingLog;
/** Where the facts about the data lie: counts, and what was left out. Not published. */
export const DATA_FACTS_FILE = BESIDE.dataFacts;
