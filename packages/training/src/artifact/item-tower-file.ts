import type { ScoreError } from "@poeem/indexing-layer";
import { messageOf, UserError } from "@poeem/offline/errors";
import { BESIDE } from "@poeem/offline/index-folder/own-files";
import { FormatError } from "@poeem/pq-core";
import type { QueryMoments } from "@poeem/pq-core/write";
import { type ItemTowerWeights, readItemTower, type Section, writeItemTower } from "@poeem/towers";
import type { DistanceTerms } from "../codes/distance-terms.ts";
import { type KeptQueries, packQueries, unpackQueries } from "../words/queries.ts";

/** The trained item tower, inside the index folder, for `poeem encode`. Not published. */
export const ITEM_TOWER_FILE = BESIDE.itemTower;

/** The item tower, and what else of the training new and changed items need. */
export interface TrainedItemTower {
  readonly weights: ItemTowerWeights;
  /** Of an index with score-aware codes: what its items' codes were chosen by. */
  readonly moments?: QueryMoments | undefined;
  /** The same where one holds for all cells (`learnCodes`). */
  readonly error?: ScoreError | undefined;
  /** Of an index by l2: what the terms of its items hold. */
  readonly terms?: DistanceTerms | undefined;
  /** Of an index with words: the queries that led to its items, which are a field of them. */
  readonly queries?: KeptQueries | undefined;
}

const MOMENTS = "moments";
const ERROR = "score error";
const TERMS = "distance terms";
const QUERIES = "queries";

/** The file, as `openItemTowerFile` reads it. */
export function itemTowerBytes({ weights, moments, error, terms, queries }: TrainedItemTower): Uint8Array {
  const others: Section[] = [];
  if (moments) others.push({ kind: MOMENTS, settings: {}, arrays: [moments.moments, moments.momentOf] });
  if (error) others.push({ kind: ERROR, settings: { along: error.along }, arrays: error.moment ? [error.moment] : [] });
  if (terms) {
    const { queryMean, itemMean, ...settings } = terms;
    others.push({ kind: TERMS, settings, arrays: [queryMean, itemMean] });
  }
  if (queries) others.push({ kind: QUERIES, settings: {}, arrays: packQueries(queries) });
  return writeItemTower(weights, others);
}

/** @throws UserError when `bytes` are not what `itemTowerBytes` gave */
export function openItemTowerFile(file: string, bytes: Uint8Array): TrainedItemTower {
  try {
    const { weights, others } = readItemTower(bytes, [MOMENTS, ERROR, TERMS, QUERIES]);
    const arraysOf = (wanted: string) => others.find(({ kind }) => kind === wanted)?.arrays;
    const [score, asked] = [arraysOf(MOMENTS), arraysOf(QUERIES)];
    const [moments, momentOf] = score ?? [];
    const isScore = moments instanceof Float32Array && momentOf instanceof Uint32Array;
    if (score && !isScore) throw new FormatError("item tower", `"${MOMENTS}" expected f32 and u32, got something else`);
    const error = errorOf(others.find(({ kind }) => kind === ERROR));
    const terms = termsOf(others.find(({ kind }) => kind === TERMS));
    const queries = asked && unpackQueries(asked);
    if (asked && !queries)
      throw new FormatError("item tower", `"${QUERIES}" expected texts and lists of them, got something else`);
    return {
      weights,
      ...(isScore && { moments: { moments, momentOf } }),
      ...(error && { error }),
      ...(terms && { terms }),
      ...(queries && { queries }),
    };
  } catch (error) {
    throw new UserError(`item tower ${file} is of an earlier release or damaged, train again: ${messageOf(error)}`);
  }
}

/** @throws FormatError */
function errorOf(section: Section | undefined): ScoreError | undefined {
  if (!section) return undefined;
  const { along } = section.settings;
  const [moment] = section.arrays;
  if (typeof along === "number" && (moment === undefined || moment instanceof Float32Array)) return { moment, along };
  throw new FormatError("item tower", `"${ERROR}" expected a number and f32, got something else`);
}

/** @throws FormatError */
function termsOf(section: Section | undefined): DistanceTerms | undefined {
  if (!section) return undefined;
  const { share, shift } = section.settings;
  const [queryMean, itemMean] = section.arrays;
  const isTerms = typeof share === "number" && typeof shift === "number";
  if (isTerms && queryMean instanceof Float32Array && itemMean instanceof Float32Array)
    return { queryMean, itemMean, share, shift };
  throw new FormatError("item tower", `"${TERMS}" expected two numbers and two rows of f32, got something else`);
}
