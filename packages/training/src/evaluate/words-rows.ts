import type { ItemId } from "@poeem/pq-core";
import type { Words } from "@poeem/pq-core/words";
import type { Question, Searched } from "@poeem/towers";
import { bytesPerItem } from "../artifact/summary.ts";
import { summarizeWords } from "../artifact/word-summary.ts";
import type { Csr } from "../data/csr.ts";
import { rankWithAnswers } from "../rank/answer-rank.ts";
import { rankingMetrics } from "../rank/metrics.ts";
import type { RowFacts } from "./row.ts";
import { withLastWordCut, withOneEdit } from "./spoiled-texts.ts";

/** Queries as they are asked of an index that has words. */
export interface AskedInWords {
  readonly searched: Searched & { readonly words: Words };
  /** Text of each query. */
  readonly texts: readonly string[];
  /** A query by its number, with whatever text. */
  question(query: number, text: string): Question<ItemId>;
}

/** How queries are asked. */
interface AskedHow {
  readonly ids: readonly ItemId[];
  readonly k: number;
  /** Item numbers left out of each query's ranking. */
  readonly seen: Csr;
  /** Cells visited, one hybrid row each, and how many of them by default. */
  readonly probes: readonly number[];
  readonly usual: number;
  readonly seed: number;
  watch(note: string): (done: number) => void;
}

/** A row to be: what it found, and of which queries where that is not all. */
type WordsRow = RowFacts & { readonly ranked: readonly Uint32Array[]; readonly selected?: Uint32Array };

/**
 * The rankings of an index that has words: by words alone; by words and codes, a row for each nprobe; and that again
 * for queries with a slip, and for queries that are not finished.
 */
export async function* measureWords(asked: AskedInWords, relevant: Csr, how: AskedHow): AsyncGenerator<WordsRow> {
  const { searched, texts, question } = asked;
  const { probes, usual, seed, watch } = how;
  const { postingBytesPerItem = 0, vocabularyBytesPerItem = 0 } = (await summarizeWords(searched.index)) ?? {};
  const ofWords = postingBytesPerItem + vocabularyBytesPerItem;
  const both = { kind: "hybrid", bytesPerItem: bytesPerItem(searched.index.manifest) + ofWords } as const;
  const ask = (spelled: readonly (string | undefined)[], mode: "hybrid" | "words", nprobe: number, note: string) => {
    const questions = spelled.map((text, query) => {
      if (text === undefined) return undefined;
      return mode === "words" ? { text } : question(query, text);
    });
    return rankWithAnswers(searched, questions, { ...how, mode, nprobe, onQuery: watch(note) });
  };
  const alone = await ask(texts, "words", usual, "words");
  yield { name: "words", kind: "words", bytesPerItem: ofWords, nprobe: null, ...alone };

  const measured = probes.includes(usual) ? usual : probes.at(-1)!;
  let clean: readonly Uint32Array[] = [];
  for (const nprobe of probes) {
    const found = await ask(texts, "hybrid", nprobe, `hybrid, nprobe ${nprobe}`);
    if (nprobe === measured) clean = found.ranked;
    yield { name: "hybrid", ...both, nprobe, ...found };
  }
  const spoiled = [
    ["hybrid, one edit", texts.map((text) => withOneEdit(text, seed))],
    ["hybrid, last word cut to 60 %", texts.map(withLastWordCut)],
  ] as const;
  for (const [name, spelled] of spoiled) {
    const selected = Uint32Array.from(spelled.keys()).filter((query) => spelled[query] !== undefined);
    if (selected.length === 0) continue;
    const found = await ask(spelled, "hybrid", measured, name);
    const cleanRecallAt10 = rankingMetrics(clean, relevant, { selected }).recallAt10;
    yield { name, ...both, kind: "spoiled", nprobe: measured, ...found, selected, cleanRecallAt10 };
  }
}
