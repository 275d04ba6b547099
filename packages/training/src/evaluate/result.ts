import { BESIDE } from "@poeem/offline/index-folder/own-files";
import type { Backend } from "../backend/names.ts";
import type { HeldOutFacts } from "../data/report.ts";
import type { EvaluationRow } from "./row.ts";

/** What `poeem evaluate --json` prints and the report draws. */
export interface EvaluationResult extends Omit<HeldOutFacts, "testQueries"> {
  readonly index: string;
  readonly version: string;
  readonly items: number;
  /** Queries that were ranked, and how many are held out in all. */
  readonly queries: number;
  readonly heldOut: number;
  /** Of those ranked, queries that are not, word for word, the text of an item; null without texts. */
  readonly unnamedQueries: number | null;
  /** What codes and words count for in the hybrid rows; absent without those. */
  readonly weights?: { readonly dense: number; readonly words: number };
  /** Cut-offs that were asked for, ascending; absent: the usual ones. */
  readonly cutoffs?: readonly number[];
  /** Cells of the index, and those of them that hold nothing; absent from results of earlier versions. */
  readonly cells?: number;
  readonly emptyCells?: number;
  /**
   * Of a catalogue that was changed since the training: items of the data that the index has not, which are not found,
   * and items of the index that the data have not, which stand in the way. Absent where it was not.
   */
  readonly changed?: { readonly removed: number; readonly added: number };
  /**
   * recall@10 of what a search without other wishes answers: words and codes where there are both, at the default
   * nprobe. Absent where that nprobe was not asked for.
   */
  readonly recallAt10?: number;
  /** Where TensorFlow.js computed; absent from results of earlier versions. */
  readonly backend?: Backend;
  readonly seconds: number;
  readonly rows: readonly EvaluationRow[];
}

/** Result of the last `poeem evaluate --report`, inside the index folder. Not published. */
export const EVALUATION_FILE = BESIDE.evaluation;
