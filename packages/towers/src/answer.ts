/**
 * From a question to results: by codes, by words, or by both. The one place for the Worker, `poeem search` and `poeem
 * evaluate`.
 */
import type { Index, ItemId, SearchOptions } from "@poeem/pq-core";
import type { HybridOptions, HybridResult, Mode, Words } from "@poeem/pq-core/words";
import type { QueryTower } from "./query-tower.ts";
import type { Question } from "./question.ts";

export interface AnswerOptions extends SearchOptions {
  /** Default: hybrid where the index has words and the question a text; else dense. */
  readonly mode?: Mode | undefined;
  /** Weights instead of the index's own; for choosing them. */
  readonly weights?: HybridOptions["weights"];
}

/** Results of a question. Without words `shares` and `coverage` are 0, and `matched` lists are empty. */
export interface Answer extends HybridResult {
  readonly mode: Mode;
  /**
   * 0 to 1, for each result: 1 − (1 − coverage) · (1 − nearness). Nearness is 0 at the score by codes that nonsense
   * gets, 1 at the usual score of an item that was asked for (`WordFacts.near`), and linear between them. NaN where the
   * index does not say what its scores mean: one without words.
   */
  readonly confidence: Float32Array;
}

/** What is searched. */
export interface Searched {
  readonly index: Index;
  readonly tower: QueryTower | undefined;
  /** Undefined where the index has none. */
  readonly words: Words | undefined;
}

/**
 * Answers a question. Of a text: words in quotes are required, a word after a minus is excluded, the last word may be
 * unfinished, and an item whose id or title it is comes first.
 *
 * @returns undefined when nothing of the question is known
 * @throws InputError naming the part that cannot be used
 */
export async function answerQuestion(
  _searched: Searched,
  _question: Question<ItemId>,
  _options: AnswerOptions = {},
): Promise<Answer | undefined> {
  throw new Error("not built yet");
}

/** How a text could go on, or was meant. */
export interface Suggestion {
  /** The whole text, its last word completed or a misspelt word mended. */
  readonly text: string;
  /** How many items have all its words; of a text with frequent words, at least so many. */
  readonly items: number;
}

/** Completions of the last word of a text that items with the other words have, the most frequent first. */
export async function suggest(_searched: Searched, _text: string, _most: number): Promise<readonly Suggestion[]> {
  throw new Error("not built yet");
}
