import { Random } from "@poeem/indexing-layer";
import { adcKernel } from "@poeem/offline/index-folder/kernel";
import { type ProgressStarter, silentProgress, withProgress } from "@poeem/offline/progress";
import { type Artifact, type ItemId, openArtifact } from "@poeem/pq-core";
import { type ItemWords, openWords, type WordFacts } from "@poeem/pq-core/words";
import { withWordFacts } from "@poeem/pq-core/write";
import { normalForm, openQueryTower, type Searched, TERM_RULES } from "@poeem/towers";
import type { PoeemConfig } from "../config.ts";
import { listOf, toCsr } from "../data/csr.ts";
import { spreadEvenly } from "../data/gather.ts";
import type { Catalogue, QuerySet } from "../data/types.ts";
import { questionOf } from "../rank/query-encoder.ts";
import { candidatesOf } from "../words/candidates.ts";
import { type WordStatistics, wordColumns, wordsOfCatalogue } from "../words/item-words.ts";
import { nonsenseScore, usualScore } from "../words/near.ts";
import { itemQueries, type KeptQueries } from "../words/queries.ts";
import {
  chooseWeights,
  describeWeights,
  findsMore,
  type TriedQueries,
  usualLambda,
  type WeightsChoice,
} from "../words/weights.ts";

/** Queries that the weights are chosen by, or the usual score is taken from. */
const MOST_QUERIES = 1000;
/** What words count for until it is measured. */
const UNWEIGHED: WordFacts = { rules: TERM_RULES, dense: 1, words: 1 };

/** Words of an index in the making. */
export interface IndexWords {
  readonly words: ItemWords;
  readonly wordFacts: WordFacts;
  /** Travels in the manifest, for `poeem encode`. */
  readonly statistics: WordStatistics;
  /** The same, from the item tower's file. */
  readonly queries: KeptQueries | undefined;
}

/**
 * The words of a catalogue, if its index is to have them; the line says why it has none that were asked for.
 *
 * @param b of the field of training queries; by default that of all fields
 */
export function indexWords(
  dataset: Catalogue,
  config: PoeemConfig,
  say: (line: string) => void = () => undefined,
  b?: number,
): IndexWords | undefined {
  const { ids, items, train } = dataset;
  if (!(config.index.words ?? config.events.query !== undefined)) return undefined;
  const columns = wordColumns(items, config);
  if (columns.length === 0) {
    say("the index has no words to search by: expected items.text or a title, got neither");
    return undefined;
  }
  const queries = itemQueries(items.count, train);
  return {
    ...wordsOfCatalogue({ ids, items, queries }, columns, b),
    wordFacts: UNWEIGHED,
    queries: queries && { ...queries, ids },
  };
}

/** An artifact, and the words in it, if it has some. */
export interface WrittenWords {
  readonly artifact: Artifact;
  readonly words?: IndexWords;
  readonly choice?: WeightsChoice;
}

/** Words that were tried: an artifact with them, and what it found. */
interface Tried {
  readonly artifact: Artifact;
  readonly words: IndexWords;
  readonly searched: Searched;
  readonly asked: TriedQueries;
  readonly choice: WeightsChoice;
}

/**
 * Writes an artifact with the words that its catalogue is to have, measures what codes and words are to count for, and
 * what scores by codes mean. Where there are queries to choose by, the length of the field of training queries counts
 * unless more is found beyond doubt where it does not.
 *
 * @param write an artifact with these words
 * @returns the artifact with all of that in its manifest
 */
export async function writeWithWords(
  dataset: Catalogue,
  config: PoeemConfig,
  write: (words: IndexWords | undefined) => Promise<Artifact>,
  say: (line: string) => void = () => undefined,
  startProgress: ProgressStarter = silentProgress,
): Promise<WrittenWords> {
  const words = indexWords(dataset, config, say);
  if (words === undefined) return { artifact: await write(words) };
  const unseen = unseenQueries(dataset);
  const usual = usualLambda(dataset.behaviour / dataset.ids.length);
  const tryWords = async (some: IndexWords): Promise<Tried> => {
    const artifact = await write(some);
    const searched = await openFromMemory(artifact);
    const asked = await tryQueries(searched, dataset, dataset.validation, unseen, startProgress);
    return { artifact, words: some, searched, asked, choice: chooseWeights(asked, usual) };
  };
  let best = await tryWords(words);
  if (words.statistics.queries && best.choice.tried.length > 0) {
    const other = await tryWords(indexWords(dataset, config, say, 0)!);
    if (findsMore(other, best)) {
      say(
        "the words of many training queries weigh as much as those of few: that found more of the validation queries",
      );
      best = other;
    }
  }
  const { choice, searched, asked } = best;
  for (const line of describeWeights(choice)) say(line);
  const near = await nearOf(searched, words.words.terms, config, say, async () =>
    choice.tried.length > 0 ? asked : trainingTried(searched, dataset, startProgress),
  );
  const { dense, words: weight } = choice;
  const facts: WordFacts = { rules: TERM_RULES, dense, words: weight, ...(near && { near }) };
  return { artifact: await withWordFacts(best.artifact, facts), words: best.words, choice };
}

async function nearOf(
  searched: Searched,
  terms: readonly string[],
  { training: { seed } }: PoeemConfig,
  say: (line: string) => void,
  tried: () => Promise<TriedQueries>,
): Promise<WordFacts["near"]> {
  if (!searched.tower?.reads.text) return undefined;
  const floor = await nonsenseScore(searched, terms, new Random(seed));
  const usual = usualScore((await tried()).candidates);
  if (floor !== undefined && usual !== undefined && floor < usual) return [floor, usual];
  say(`the confidence of results counts words alone: ${withoutNear(floor, usual)}`);
  return undefined;
}

function withoutNear(floor: number | undefined, usual: number | undefined): string {
  if (floor === undefined) return "no nonsense can be made of the terms, to compare scores by codes with";
  if (usual === undefined) return "no query has a word that is known";
  const both = `nonsense scores ${floor.toFixed(3)} by codes, a query ${usual.toFixed(3)}`;
  return `${both}; more events would tell them apart`;
}

async function openFromMemory({ chunks, manifestBytes }: Artifact): Promise<Searched> {
  const bytesOf = new Map(chunks.map(({ key, bytes }) => [key, bytes]));
  const source = { get: async (key: string) => bytesOf.get(key)! };
  const index = await openArtifact(source, manifestBytes, { kernel: await adcKernel() });
  const tower = await index.queryTower();
  return { index, tower: tower && openQueryTower(tower), words: await openWords(index) };
}

/** Validation queries with a text that nobody asked in training, in any spelling. */
function unseenQueries({ train, validation }: Catalogue): number[] {
  const trained = new Set(train.texts.map(normalForm));
  return [...validation.texts.keys()].filter((query) => !trained.has(normalForm(validation.texts[query]!)));
}

/** What was trained on: behaviour, or where there is none the items' own sentences. */
async function trainingTried(searched: Searched, dataset: Catalogue, start: ProgressStarter): Promise<TriedQueries> {
  const { train, ownSentences } = dataset;
  const set = train.count > 0 ? train : ownSentences;
  return tryQueries(searched, dataset, set, [...set.texts.keys()], start);
}

/** The candidates of some queries of a set, spread evenly over them where there are many. */
async function tryQueries(
  searched: Searched,
  dataset: Catalogue,
  set: QuerySet,
  numbers: readonly number[],
  startProgress: ProgressStarter,
): Promise<TriedQueries> {
  const { index, tower } = searched;
  const ids: ItemId[] = [...dataset.ids];
  const ordinals = await index.ordinals(ids);
  const rank = new Uint32Array(ids.length);
  ordinals.forEach((ordinal, item) => {
    rank[ordinal] = item;
  });
  const queries = Array.from(spreadEvenly(numbers.length, MOST_QUERIES), (i) => numbers[i]!);
  const candidates = await withProgress(startProgress("weigh words", queries.length, "queries"), async (tick) => {
    const found = [];
    for (const query of queries) {
      const { history, text, ...others } = questionOf(set, dataset, query);
      // an index without a query tower for texts is asked by words alone
      const rest = { ...others, ...(history && { history: history.map((item) => ids[item]!) }) };
      found.push(await candidatesOf(searched, { text, ...(tower?.reads.text && rest) }));
      await tick(found.length);
    }
    return found;
  });
  const relevant = toCsr(queries.map((query) => listOf(set.relevant, query).map((item) => ordinals[item]!)));
  return { candidates, relevant, rank };
}
