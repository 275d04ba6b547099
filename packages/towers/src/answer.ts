/**
 * From a question to results: by codes, by words, or by both. The one place for the Worker, `poeem search` and `poeem
 * evaluate`.
 */
import { checkQuery, FormatError, type Index, InputError, type ItemId, type SearchOptions } from "@poeem/pq-core";
import {
  type HybridOptions,
  type HybridResult,
  type Mode,
  searchHybrid,
  type WordFacts,
  type WordQuery,
  type Words,
} from "@poeem/pq-core/words";
import { rowsOf } from "./inputs/rows.ts";
import { partsOf, type QueryTower } from "./query-tower.ts";
import { merged, planQuestion, type QueryVectors, type Question, questionVectors, vectorsOf } from "./question.ts";
import { TERM_RULES } from "./text/terms.ts";
import { askedOf, readTextQuery, type TextQuery } from "./text/text-query.ts";
import { alternativesOf, type FoundWords, type Uncertain } from "./words/alternatives.ts";
import { itemsWithCode, namedItems } from "./words/named.ts";
import { termsExcluded, termsRequired } from "./words/operators.ts";
import { numWithAll, type Suggestion, suggestTexts } from "./words/suggest.ts";
import { embedVariants } from "./words/variants.ts";

/** Of a search for a question. */
export interface AnswerOptions extends SearchOptions {
  /** Default: hybrid where the index has words and the question a text; else dense. */
  readonly mode?: Mode | undefined;
  /** Weights instead of the index's own; for choosing them. */
  readonly weights?: HybridOptions["weights"];
}

/** Results of a question. Without words `shares` and `coverage` are 0, and `matched` lists are empty. */
export interface Answer extends HybridResult {
  readonly mode: Mode;
  /** Score by codes of each result; NaN without query vectors. That of a mixture is divided by its temperature. */
  readonly dense: Float32Array;
  /**
   * Of each result its score by codes for the text itself, by which confidence is measured: `dense`, unless that also
   * leans to a history. NaN where nothing of the text is known, and without a text.
   */
  readonly byText: Float32Array;
  /**
   * 0 to 1, for each result: 1 for an item whose name was asked for, else 1 − (1 − coverage) · (1 − nearness).
   * Nearness is 0 at the score by codes that nonsense gets, 1 at the usual best score of a query that people ask
   * (`WordFacts.near`), and linear between them; 0 where the index does not say. NaN where nothing says what scores
   * mean: for an index without words, and a question without text.
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
 * @throws InputError naming the part that cannot be used; FormatError for words by rules that are not known
 */
export async function answerQuestion(
  searched: Searched,
  question: Question<ItemId>,
  options: AnswerOptions = {},
): Promise<Answer | undefined> {
  const answer = await find(searched, question, options);
  const { filter } = options;
  // What finds nothing may not have come as far as the filter, and a wrong one is wrong all the same.
  if (filter !== undefined && !answer?.ordinals.length) {
    const { index } = searched;
    await index.search(new Float32Array(index.manifest.dim), { filter, k: 1, nprobe: 1 });
  }
  return answer;
}

async function find(
  searched: Searched,
  question: Question<ItemId>,
  options: AnswerOptions,
): Promise<Answer | undefined> {
  const { mode = defaultMode(searched, question), weights, ...search } = options;
  checkMode(searched, question, mode);
  if (!hasText(question) || !hasWords(searched)) return answerByCodes(searched, question, search);
  checkRules(searched.words);
  const { index, words } = searched;
  const { query, named: called } = await readText(index, words, question, mode);
  // by codes alone, words say only what must be there and what must not
  const found = mode === "dense" ? NO_WORDS : alternativesOf(query, query.isOpen, words);
  const named = called.length > 0 || mode === "dense" ? called : await itemsWithCode(words, query, found.words);
  const dense = await textVectors(searched, { ...question, text: query.text }, mode, found.uncertain);
  const isKnown = named.length > 0 || found.words.some(({ alternatives }) => alternatives.length > 0);
  if (dense.vectors === undefined && (mode === "dense" || !isKnown)) return undefined;
  const asked: WordQuery = {
    words: found.words,
    required: query.required.flatMap(termsRequired),
    excluded: query.excluded.flatMap(termsExcluded),
    named,
  };
  const exclude = [...(search.exclude ?? []), ...dense.exclude];
  const ranked = await searchHybrid(index, words, dense.vectors, asked, { ...search, exclude, mode, weights });
  const result = { ...ranked, dense: onCosineScale(ranked.dense, dense.vectors) };
  const { near } = words.facts;
  const byText = await textScores(index, result, dense.vectors);
  const isNoise = mode === "hybrid" && !isKnown && query.words.length > 0 && isFar(byText, near);
  return isNoise ? withConfidence(none(result), NO_SCORES, mode, near) : withConfidence(result, byText, mode, near);
}

const NO_SCORES = new Float32Array(0);
const NO_WORDS: FoundWords = { words: [], uncertain: [] };

type TextQuestion = Question<ItemId> & { readonly text: string };

function hasText(question: Question<ItemId>): question is TextQuestion {
  return question.text !== undefined;
}

function hasWords(searched: Searched): searched is Searched & { readonly words: Words } {
  return searched.words !== undefined;
}

/** @throws InputError for a mode in which the question cannot be answered */
function checkMode({ words }: Searched, question: Question<ItemId>, mode: Mode): void {
  if (mode !== "dense" && words === undefined)
    throw new InputError("mode", `expected dense, got ${mode}: this index has no words`);
  checkModeParts(question, mode);
}

/** @throws InputError for a mode that cannot read the parts of the question, whatever the index */
export function checkModeParts(question: Question<ItemId>, mode: Mode): void {
  const others = partsOf(question).filter((part) => part !== "text");
  if (mode !== "dense" && question.text === undefined)
    throw new InputError("mode", `expected dense, got ${mode}: words need a text`);
  if (mode !== "words" || others.length === 0) return;
  const hint = question.history === undefined ? "" : "; exclude leaves items out";
  throw new InputError("mode", `expected hybrid or dense, got words, which read no ${others.join(" and ")}${hint}`);
}

function defaultMode({ words }: Searched, { text }: Question<ItemId>): Mode {
  return words === undefined || text === undefined ? "dense" : "hybrid";
}

/** @throws FormatError for terms that this reader would not ask for */
function checkRules({ facts: { rules } }: Words): void {
  if (rules !== TERM_RULES) throw new FormatError("words", `"rules" expected ${TERM_RULES}, got ${rules}`);
}

async function answerByCodes(
  { index, tower }: Searched,
  question: Question<ItemId>,
  options: SearchOptions,
): Promise<Answer | undefined> {
  const asked = await questionVectors(index, tower, question);
  if (asked === undefined) return undefined;
  if (question.vector !== undefined) checkQuery(index.manifest, "vector", question.vector);
  const { vectors, merge = options.merge, exclude } = asked;
  const found = await index.search(vectors, { ...options, merge, exclude: [...(options.exclude ?? []), ...exclude] });
  const n = found.ordinals.length;
  const result = { ordinals: found.ordinals, dense: onCosineScale(found.scores, asked) };
  return {
    ...found,
    dense: result.dense,
    byText: hasText(question) ? await textScores(index, result, asked) : new Float32Array(n).fill(NaN),
    shares: new Float32Array(n),
    coverage: new Float32Array(n),
    matched: Array.from({ length: n }, () => []),
    named: new Uint8Array(n),
    mode: "dense",
    confidence: new Float32Array(n).fill(NaN),
  };
}

/** A text as it was meant: where it is a name as it stands, quotes and dashes are characters of the name. */
async function readText(
  index: Index,
  words: Words,
  question: TextQuestion,
  mode: Mode,
): Promise<{ query: TextQuery; named: Uint32Array }> {
  const { text } = question;
  const query = readTextQuery(text);
  const none = new Uint32Array(0);
  if (query.hasOperators) {
    const named = await namedItems(index, words, text, true);
    const plain = { ...askedOf(text), text, isOpen: false, hasOperators: false, required: [], excluded: [] };
    if (named.length > 0) return { query: plain, named: mode === "dense" ? none : named };
    if (query.words.length === 0 && query.excluded.length > 0 && partsOf(question).length === 1)
      throw new InputError("text", "expected a word to look for beside those to leave out, got none");
  }
  return { query, named: mode === "dense" ? none : await namedItems(index, words, query.text, false) };
}

/** Query vectors of a question with a text, none where the tower knows nothing of it; and ids that must not come. */
async function textVectors(
  { index, tower }: Searched,
  question: TextQuestion,
  mode: Mode,
  uncertain: readonly Uncertain[],
): Promise<{ readonly vectors: QueryVectors | undefined; readonly exclude: readonly ItemId[] }> {
  // a text alone is answered by words where the tower reads none
  const isAlone = partsOf(question).length === 1;
  if (isAlone && (mode === "words" || (!tower?.reads.text && mode !== "dense")))
    return { vectors: undefined, exclude: [] };
  const { read, readFor, exclude, embed } = planQuestion(tower, index.manifest.dim, question);
  const items = read.length > 0 ? await vectorsOf(index, readFor, read) : new Float32Array(0);
  if (uncertain.length === 0 || !tower?.reads.text) return { vectors: embed(items), exclude };
  const { text, context, history, embedding } = question;
  const { mixture } = tower;
  // a mixture leans from the one vector of all spellings
  const pooled = history && !mixture && { history: items };
  const vector = embedVariants(text, uncertain, (variant) => {
    const embedded = tower.embed({ text: variant, context, embedding, ...pooled });
    return embedded instanceof Float32Array && embedded.some((value) => value !== 0) ? embedded : undefined;
  });
  const leaning = history && mixture?.answer({ history: items }, vector);
  return { vectors: merged(leaning ?? vector), exclude };
}

/** Scores by codes as they are weighed: those of a mixture over its temperature. */
function onCosineScale(scores: Float32Array, vectors: QueryVectors | undefined): Float32Array {
  const merge = vectors?.merge;
  return merge?.by === "sumExp" ? scores.map((score) => score / merge.temperature) : scores;
}

/** Of each result its score by codes for the text itself; NaN where the scores are those of a history alone. */
async function textScores(
  index: Index,
  { ordinals, dense }: Pick<HybridResult, "ordinals" | "dense">,
  vectors: QueryVectors | undefined,
): Promise<Float32Array> {
  if (vectors?.merge === undefined) return dense;
  const { beside } = vectors;
  if (beside === undefined) return dense.map(() => Number.NaN);
  const rows = rowsOf(await index.vectors(ordinals), beside.length);
  return Float32Array.from(rows, (row) => row.reduce((sum, value, d) => sum + value * beside[d]!, 0));
}

/** Whether the nearest item is no nearer than nonsense gets. */
function isFar(scores: Float32Array, near: WordFacts["near"]): boolean {
  return near !== undefined && scores.every((score) => !(score >= near[0]));
}

function none({ listsProbed, codesScanned }: HybridResult): HybridResult {
  const scores = new Float32Array(0);
  const lists = { ordinals: new Uint32Array(0), scores, dense: scores, shares: scores, coverage: scores };
  return { ...lists, matched: [], named: new Uint8Array(0), listsProbed, codesScanned };
}

function withConfidence(result: HybridResult, byText: Float32Array, mode: Mode, near: WordFacts["near"]): Answer {
  const confidence = result.coverage.map((coverage, i) => {
    if (result.named[i] === 1) return 1;
    const [floor, usual] = near ?? [Infinity, Infinity];
    const score = byText[i]!;
    const nearness = score > floor ? Math.min(1, (score - floor) / (usual - floor)) : 0;
    return 1 - (1 - Math.min(1, coverage)) * (1 - nearness);
  });
  return { ...result, mode, byText, confidence };
}

/** What people search for most, the most frequent first, as the index has it from its training. */
export async function popular({ index, words }: Searched, most: number): Promise<readonly Suggestion[]> {
  const texts = (index.manifest.queries ?? []).slice(0, most);
  if (words === undefined) return texts.map((text) => ({ text, items: 0 }));
  checkRules(words);
  const found: Suggestion[] = [];
  for (const text of texts) found.push({ text, items: await numWithAll(words, text) });
  return found;
}

/** Completions of the last word of a text that items with the other words have, the most items first. */
export async function suggest({ index, words }: Searched, text: string, most: number): Promise<readonly Suggestion[]> {
  if (words === undefined) return [];
  checkRules(words);
  return suggestTexts(index, words, text, most);
}
