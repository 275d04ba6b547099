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
import type { Dataset, QuerySet } from "../data/types.ts";
import { questionOf } from "../rank/query-encoder.ts";
import { candidatesOf } from "../words/candidates.ts";
import { type WordStatistics, wordColumns, wordsOfCatalogue } from "../words/item-words.ts";
import { nonsenseScore, usualScore } from "../words/near.ts";
import { itemQueries, type KeptQueries } from "../words/queries.ts";
import { chooseWeights, describeWeights, type TriedQueries, type WeightsChoice } from "../words/weights.ts";

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

/** The words of a catalogue, if its index is to have them; the line says why it has none that were asked for. */
export function indexWords(
  dataset: Dataset,
  config: PoeemConfig,
  say: (line: string) => void = () => undefined,
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
    ...wordsOfCatalogue({ ids, items, queries }, columns),
    wordFacts: UNWEIGHED,
    queries: queries && { ...queries, ids },
  };
}

/**
 * Measures what codes and words of an artifact are to count for, and what its scores by codes mean.
 *
 * @returns the artifact with both in its manifest
 */
export async function weighWords(
  artifact: Artifact,
  { words }: IndexWords,
  dataset: Dataset,
  config: PoeemConfig,
  say: (line: string) => void = () => undefined,
  startProgress: ProgressStarter = silentProgress,
): Promise<{ artifact: Artifact; choice: WeightsChoice }> {
  const searched = await openFromMemory(artifact);
  const unseen = await tryQueries(searched, dataset, dataset.validation, unseenQueries(dataset), startProgress);
  const choice = chooseWeights(unseen);
  for (const line of describeWeights(choice)) say(line);
  let near: WordFacts["near"];
  if (searched.tower?.reads.text) {
    const floor = await nonsenseScore(searched, words.terms, new Random(config.training.seed));
    const asked = choice.tried.length > 0 ? unseen : await trainingTried(searched, dataset, startProgress);
    const usual = usualScore(asked.candidates);
    if (floor !== undefined && usual !== undefined && floor < usual) near = [floor, usual];
    else say(`the confidence of results counts words alone: ${withoutNear(floor, usual)}`);
  }
  const { dense, words: weight } = choice;
  const facts: WordFacts = { rules: TERM_RULES, dense, words: weight, ...(near && { near }) };
  return { artifact: await withWordFacts(artifact, facts), choice };
}

function withoutNear(floor: number | undefined, usual: number | undefined): string {
  if (floor === undefined) return "no nonsense can be made of the terms, to compare scores by codes with";
  if (usual === undefined) return "no query has a word that is known";
  return (
    `nonsense scores ${floor.toFixed(3)} by codes, a query ${usual.toFixed(3)}; ` + "more events would tell them apart"
  );
}

async function openFromMemory({ chunks, manifestBytes }: Artifact): Promise<Searched> {
  const bytesOf = new Map(chunks.map(({ key, bytes }) => [key, bytes]));
  const source = { get: async (key: string) => bytesOf.get(key)! };
  const index = await openArtifact(source, manifestBytes, { kernel: await adcKernel() });
  const tower = await index.queryTower();
  return { index, tower: tower && openQueryTower(tower), words: await openWords(index) };
}

/** Validation queries with a text that nobody asked in training, in any spelling. */
function unseenQueries({ train, validation }: Dataset): number[] {
  const trained = new Set(train.texts.map(normalForm));
  return [...validation.texts.keys()].filter((query) => !trained.has(normalForm(validation.texts[query]!)));
}

/** What was trained on: behaviour, or where there is none the items' own sentences. */
async function trainingTried(searched: Searched, dataset: Dataset, start: ProgressStarter): Promise<TriedQueries> {
  const { train, ownSentences } = dataset;
  const set = train.count > 0 ? train : ownSentences;
  return tryQueries(searched, dataset, set, [...set.texts.keys()], start);
}

/** The candidates of some queries of a set, spread evenly over them where there are many. */
async function tryQueries(
  searched: Searched,
  dataset: Dataset,
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
