/**
 * What a request will cost, from what the manifest says and what was asked: before anything is scanned or read. An
 * estimate from above, but for what nobody can know without looking: how often words come, how near results lie to each
 * other. Where that goes wrong, the meter stops the request.
 *
 * Weights are measured (`bench/price.ts`), in the unit of `limits.ts`: about two nanoseconds of a core.
 */
import {
  type ChunkEntry,
  type ChunkKind,
  chunkTotals,
  type Filter,
  type Manifest,
  PAGED_TOGETHER,
} from "@poeem/pq-core";
import { mostByWords, SUMMED_TOGETHER, type Words } from "@poeem/pq-core/words";
import { leastReachOf, type Reach, reachOf, UNTRAINED_HISTORY, type WordUse } from "@poeem/towers";
import type { MemoryPlan } from "../index/memory-plan.ts";
import type { ServedIndex } from "../index/served-index.ts";
import { CANDIDATES_PER_RESULT } from "./diversity.ts";
import { textToEmbed } from "./embedded.ts";
import { jsonSize } from "./json-size.ts";
import { MAX_K } from "./requests.ts";
import type { ResolvedSearch } from "./resolve.ts";

/** What a request costs. */
export interface Price {
  /** In the unit of `limits.ts`. */
  readonly work: number;
  /** Operations on the store. */
  readonly reads: number;
  /** Bytes that they bring; their work is in `work`. */
  readonly readBytes: number;
  /** Bytes of the answer. */
  readonly bytes: number;
}

export const NOTHING: Price = { work: 0, reads: 0, readBytes: 0, bytes: 0 };

export function sumOf(prices: readonly Price[]): Price {
  return prices.reduce(
    (sum, { work, reads, readBytes, bytes }) => ({
      work: sum.work + work,
      reads: sum.reads + reads,
      readBytes: sum.readBytes + readBytes,
      bytes: sum.bytes + bytes,
    }),
    NOTHING,
  );
}

/** A request that is checked, resolved, parsed and answered without a search. */
const REQUEST_WORK = 50_000;
/** Of a code that is scanned, for each sub-quantizer. */
const CODE_WORK = { 4: 0.07, 8: 0.45 } as const;
/** Of a number of a query vector against one of a centroid. */
const PRODUCT_WORK = 0.2;
/** Of a query vector and an item that is scored by itself, in codes that are scanned. */
const SCORED_CODES = 8;
/** Of the rotation, for each of its numbers. */
const ROTATION_WORK = 0.6;
/** Of a query vector and a cell that it visits. */
const VISIT_WORK = 30;
/** How much of what the others scan a further vector of several scans: most cells cannot hold what it looks for. */
const FURTHER_SHARE = 0.4;
/** Of a comparison and an item. */
const FACET_WORK = 0.3;
const NUMBER_WORK = 1.6;
/** The same where all items are looked at in one go. */
const WHOLE_FACET_WORK = 0.06;
/** Of a run and of a cell, for whether a filter can let something of them through. */
const OPEN_RUN_WORK = 80;
const OPEN_CELL_WORK = 3;
/** Of a byte of a filter page, beside its reading: a value of a facet takes 24 of them, and all values are gone by. */
const FILTER_BYTE_WORK = 0.3;
/** Of a result: it is kept among the best, found on its page, parsed and written. */
const RESULT_WORK = 3000;
const FIELD_BYTE_WORK = 8;
/** Of a number of a pair of candidates of `diversity`. */
const PAIR_WORK = 1;
/** Of a byte that is read: its digest, and a first look at what it says. */
export const READ_BYTE_WORK = 0.75;
/** Of an id that is looked up. */
const ID_WORK = 1400;
/** Of the words of a query: terms like it are looked for among all, and all items that have it may be gone through. */
const TERM_WORK = 0.8;
const POSTING_WORK = 8;
/** Of a term, for each window of items: what few items have of it is looked up. */
const TERM_WINDOW_WORK = 1500;
/** Of a term and a result: what each has of it is told. */
const RESULT_TERM_WORK = 15;
/** Of a posting of an item that a filter or `exclude` may keep out. */
const PASSING_WORK = 10;
/** Of a text that is searched by words, however short. */
const TEXT_WORK = 250_000;
const WORD_WORK = 15_000;
/** Of an item and a list of terms that it must have or must not have. */
const MASK_WORK = 0.1;
/** Of a text that an encoder is asked for: little here, but its answer is checked, and somebody pays for it. */
const EMBED_TEXT_WORK = 500_000;
/** Of a suggestion. */
const SUGGESTION_WORK = 100_000;

/** Bytes of a result without its fields. */
const RESULT_BYTES = 160;
/** Results lie near each other: so many pages hold k of them, as measured with trained and with made-up indexes. */
const pagesOf = (k: number) => Math.max(1, Math.round(k ** 0.7));

/** Chunks of a kind. */
interface Pages {
  readonly count: number;
  /** Bytes of one, on average. */
  readonly size: number;
  /** Whether they are read when they are needed. */
  readonly isPaged: boolean;
  /** Tables that list them, which are read when one of their pages is. */
  readonly tables?: Pages;
}

/** What is the same for all requests of a version. */
interface Facts {
  /** What `nprobe` counts: cells, or runs of cells that share their pages. */
  readonly units: number;
  readonly cellsPerUnit: number;
  readonly arePages: boolean;
  readonly filters: Pages;
  readonly lists: Pages;
  readonly items: Pages;
  readonly lookup: Pages;
  readonly postings: Pages;
  /** Bytes of one item's fields, on average. */
  readonly itemBytes: number;
  readonly codeWork: number;
  /** See {@link FURTHER_SHARE}. */
  readonly furtherShare: number;
  /** Of a query vector before it scans. */
  readonly vectorWork: number;
}

/** By what of a version is in memory: that may change. */
const FACTS = new WeakMap<MemoryPlan, Facts>();

function factsOf(served: ServedIndex): Facts {
  let facts = FACTS.get(served.memory);
  if (facts === undefined) {
    facts = readFacts(served);
    FACTS.set(served.memory, facts);
  }
  return facts;
}

function readFacts({ index: { manifest }, memory }: ServedIndex): Facts {
  const { dim, nlist, nbits, numSubQuantizers, numItems, hasRotation, byResidual, cellsPerPage } = manifest;
  const pages = (kind: ChunkKind, isPaged: boolean) => pagesOfKind(manifest, kind, isPaged);
  const items = pages("items", !memory.keepsPages);
  return {
    units: Math.ceil(Math.max(nlist, 1) / (cellsPerPage ?? 1)),
    cellsPerUnit: cellsPerPage ?? 1,
    arePages: cellsPerPage !== undefined,
    filters: pages("filter-pages", true),
    lists: pages("lists", memory.residentBytes === 0),
    items,
    lookup: pages("lookup", !memory.keepsPages),
    postings: pages("postings", !memory.keepsPages),
    itemBytes: numItems === 0 ? 0 : (items.count * items.size) / numItems,
    codeWork: numSubQuantizers * CODE_WORK[nbits],
    // Without residuals a cell says nothing of what it holds.
    furtherShare: byResidual ? FURTHER_SHARE : 1,
    vectorWork: dim * (nlist + 2 ** nbits) * PRODUCT_WORK + (hasRotation ? dim * dim * ROTATION_WORK : 0),
  };
}

function pagesOfKind(manifest: Manifest, kind: ChunkKind, isPaged: boolean): Pages {
  const { count, bytes } = totalsOf(manifest).get(kind) ?? { count: 0, bytes: 0 };
  const pages = { count, size: count === 0 ? 0 : bytes / count, isPaged };
  // those of lists are in memory
  const tables = kind === "lists" ? [] : manifest.chunks.filter(({ of }) => of === kind);
  if (tables.length === 0) return pages;
  const size = tables.reduce((sum, table) => sum + table.size, 0) / tables.length;
  return { ...pages, tables: { count: tables.length, size, isPaged: true } };
}

const TOTALS = new WeakMap<Manifest, ReturnType<typeof chunkTotals>>();

function totalsOf(manifest: Manifest): ReturnType<typeof chunkTotals> {
  let totals = TOTALS.get(manifest);
  if (totals === undefined) {
    totals = chunkTotals(manifest);
    TOTALS.set(manifest, totals);
  }
  return totals;
}

/** Bytes that the fields of one item can take at most: those of its page. */
export function largestItem(manifest: Manifest): number {
  return totalsOf(manifest).get("items")?.largest ?? 1;
}

/** @param isLeast what is certain before any word is looked up: that alone may cost as much as many searches */
export type Pricing = (served: ServedIndex, request: ResolvedSearch, isLeast?: boolean) => Price;

/** What a search costs. @param isLeast see {@link Pricing} */
export function priceOf(served: ServedIndex, request: ResolvedSearch, isLeast = false): Price {
  const facts = factsOf(served);
  const { index } = served;
  const { dim, numItems } = index.manifest;
  const { k, nprobe, mode, filter, exclude, history, like, q } = request;
  const found = Math.min(request.diversity === 0 ? k : candidatesOf(k), numItems);
  const vectors = vectorsOf(served, request);
  const units = Math.min(facts.units, facts.arePages ? Math.min(1, vectors) * nprobe : vectors * nprobe);
  const cells = units * facts.cellsPerUnit;
  const own = index.mostCodes(nprobe);
  const all = vectors === 1 ? own : index.mostCodes(units);
  const reads = new Reads();
  let work = REQUEST_WORK;

  work += vectors * (facts.vectorWork + cells * VISIT_WORK);
  // Each scans its own cells, and for the largest score of several those of the others as far as they may reach.
  if (vectors > 0) work += facts.codeWork * (own + (vectors - 1) * all * facts.furtherShare);
  const listBytes = facts.lists.count * facts.lists.size;
  const share = units / facts.units;
  const sharedPages = (share * listBytes) / Math.max(1, facts.lists.size);
  // A run begins with a page of its own, and most are one; of empty ones there may be many.
  if (vectors > 0) reads.add(facts.lists, facts.arePages ? Math.max(units, sharedPages) : units + sharedPages);

  const isEmbedded = textToEmbed(served, request) !== undefined;
  if (isEmbedded) work += EMBED_TEXT_WORK;
  if (isEmbedded || request.embedding !== undefined) work += embeddingWork(served);

  const read = like === undefined ? Math.min(history?.length ?? 0, historyLength(served)) : 1;
  const named = (history?.length ?? 0) + (like === undefined ? 0 : 1) + exclude.length;
  work += named * ID_WORK;
  reads.add(facts.lookup, read);
  reads.add(facts.lookup, named);
  reads.add(facts.lists, read);

  if (filter !== undefined) {
    // What an item may be found by words for can be anywhere.
    const anywhere = q !== undefined && served.words !== undefined;
    const { count, size } = facts.filters;
    const pages = anywhere ? count : Math.min(count, Math.ceil(Math.max(units, share * count)));
    // Of a filter page all items are looked at.
    const looked = pages === 0 ? all : Math.max(all, (pages * numItems) / count);
    work += filterWork(filter) * Math.min(looked, numItems) + pages * size * FILTER_BYTE_WORK;
    // One that lets but a few items through is looked at whole, unless its pages are read one by one.
    if (canBeFew(filter) && !facts.arePages) work += filterWork(filter, WHOLE_FACET_WORK) * numItems;
    // Where few runs can hold a match it is asked of each, and then of the cells of those.
    if (facts.arePages) work += facts.units * (OPEN_RUN_WORK + facts.cellsPerUnit * OPEN_CELL_WORK);
    reads.add(facts.filters, pages);
  }
  if (q !== undefined && served.words !== undefined) {
    const { work: own, lists, postings, terms } = wordPrice(served, q, useOf(mode), isLeast);
    work += own + Math.min(k, numItems) * terms * RESULT_TERM_WORK;
    work += (filter === undefined && exclude.length === 0 ? 0 : postings) * PASSING_WORK;
    reads.add(facts.postings, lists);
    if (mode === "hybrid" && vectors > 0) {
      // What is found by its words or its name gets its score by codes too, wherever it lies.
      const found = Math.min(mostByWords(k), Math.ceil(Math.max(postings, terms)), numItems);
      const { isPaged, count, size } = facts.lists;
      const runs = isPaged ? Math.ceil((Math.min(found, count) * size) / PAGED_TOGETHER) : 1;
      work += vectors * (runs * facts.vectorWork + found * SCORED_CODES * facts.codeWork);
      reads.add(facts.lists, found);
    }
  }
  if (request.diversity > 0) {
    work += PAIR_WORK * dim * Math.min(k, found) * (found - Math.min(k, found) / 2);
    reads.add(facts.lists, units);
  }
  const results = Math.min(k, numItems);
  // Items with the same words lie anywhere.
  const pages = mode === "dense" ? pagesOf(results) : results;
  // how near a result is to the text itself, whatever history its score leans to
  if (q !== undefined && vectors > 0 && isMixture(served, request)) {
    work += PAIR_WORK * dim * results;
    reads.add(facts.lists, pages);
  }
  work += found * RESULT_WORK + results * facts.itemBytes * FIELD_BYTE_WORK;
  // Where ids lie beside codes, nothing else is read for those of what codes have found.
  if (!facts.arePages || request.fields?.length !== 0) reads.add(facts.items, pages);
  if (facts.arePages && q !== undefined && served.words !== undefined) reads.add(facts.lists, results);
  // What a few of the fields take nobody knows before, as an item is one page of JSON: it is not estimated but counted
  // while the answer is made, which ends where it gets too long (`tooLong` of budget.ts).
  const fields = request.fields === undefined ? facts.itemBytes : 0;
  return reads.price(work, results * (RESULT_BYTES + fields));
}

/** What `/suggest` costs. Each suggestion has the whole text. @param isLeast see {@link Pricing} */
export function priceOfSuggestions(served: ServedIndex, q: string, k: number, isLeast = false): Price {
  const facts = factsOf(served);
  const reads = new Reads();
  const { work, lists } = wordPrice(served, q, "suggest", isLeast);
  reads.add(facts.postings, lists + k);
  reads.add(facts.items, k);
  if (facts.arePages) reads.add(facts.lists, k);
  const known = q === "" ? 0 : SUGGESTION_WORK;
  return reads.price(REQUEST_WORK + work + known * Math.sqrt(k), k * (RESULT_BYTES + jsonSize(q)));
}

/** What `/items/{id}` costs. */
export function priceOfItem(served: ServedIndex): Price {
  const { lookup, items, lists, arePages } = factsOf(served);
  const reads = new Reads();
  reads.add(lookup, 1);
  reads.add(items, 1);
  if (arePages) reads.add(lists, 1);
  return reads.price(REQUEST_WORK, 0);
}

/** What `/facets` costs; how long the answer is, nobody knows before. */
export function priceOfFacets(served: ServedIndex): Price {
  const { index, memory, kept } = served;
  const reads = new Reads();
  const { filters } = factsOf(served);
  const removed = memory.keepsFilters ? index.facetReads : 0;
  reads.add(filters, removed);
  // They are read once, most often ahead.
  const isComing = ({ kind, key }: ChunkEntry) => kind === "filters" && memory.keepsFilters && !kept.has(key);
  for (const chunk of index.manifest.chunks)
    if (isComing(chunk)) reads.add({ count: 1, size: chunk.size, isPaged: true }, 1);
  return reads.price(REQUEST_WORK + removed * filters.size * FILTER_BYTE_WORK, 0);
}

/** Candidates among which `diversity` chooses. */
export function candidatesOf(k: number): number {
  return Math.max(k, Math.min(k * CANDIDATES_PER_RESULT, MAX_K));
}

/** Query vectors of a search. */
function vectorsOf(served: ServedIndex, request: ResolvedSearch): number {
  const { tower, words } = served;
  const { history, mode, q } = request;
  const isTextRead = tower?.reads.text || request.embedding !== undefined || textToEmbed(served, request) !== undefined;
  if (mode === "words" || (mode === "hybrid" && q !== undefined && words !== undefined && !isTextRead)) return 0;
  return isMixture(served, request) ? Math.min(history!.length, historyLength(served)) : 1;
}

/** Work of reading the embeddings of a question: a linear map each. */
function embeddingWork({ tower, index }: ServedIndex): number {
  const numbers = (tower?.reads.embeddings ?? []).reduce((sum, { length }) => sum + length, 0);
  return numbers * index.manifest.dim * PRODUCT_WORK;
}

/** Whether each item of a history makes a query vector. */
function isMixture({ tower }: ServedIndex, { history }: ResolvedSearch): boolean {
  return history !== undefined && (tower?.reads.history === undefined || tower.reads.history === "mixture");
}

/** Items of a history that are read. */
function historyLength({ tower }: Pick<ServedIndex, "tower">): number {
  return tower?.reads.history === undefined ? UNTRAINED_HISTORY : tower.reads.historyLength;
}

/** Work of a filter for each item that it is looked at for. */
export function filterWork(filter: Filter, facetWork = FACET_WORK): number {
  if ("not" in filter) return filterWork(filter.not, facetWork);
  const parts = "and" in filter ? filter.and : "or" in filter ? filter.or : undefined;
  if (parts !== undefined) return parts.reduce((sum, part) => sum + filterWork(part, facetWork), 0);
  return "facet" in filter ? facetWork * Math.max(1, filter.in.length) : NUMBER_WORK;
}

/** Whether a filter may turn out to let but a few items through: numbers are not counted. */
function canBeFew(filter: Filter): boolean {
  if ("not" in filter) return false;
  if ("and" in filter) return filter.and.some(canBeFew);
  if ("or" in filter) return filter.or.every(canBeFew);
  return "facet" in filter;
}

/** What words of texts led to: pricing and searching ask for the same ones. */
const REACHES = new WeakMap<Words, Map<string, Reach>>();
const MAX_REACHES = 128;

function reachesOf(words: Words): Map<string, Reach> {
  let known = REACHES.get(words);
  if (known === undefined) {
    known = new Map();
    REACHES.set(words, known);
  }
  return known;
}

function remembered(words: Words, key: string, find: () => Reach): Reach {
  const reaches = reachesOf(words);
  let reach = reaches.get(key);
  if (reach === undefined) {
    reach = find();
    if (reaches.size >= MAX_REACHES) reaches.clear();
    reaches.set(key, reach);
  }
  return reach;
}

const leastReach = (words: Words, text: string, use: WordUse) =>
  remembered(words, `${use}? ${text}`, () => leastReachOf(text, use));

/** What the text of a search is for. */
export const useOf = (mode: ResolvedSearch["mode"]): WordUse => (mode === "dense" ? "mask" : "search");

/** Whether the text has been looked up. */
export function isLookedUp({ words }: ServedIndex, text: string, use: WordUse): boolean {
  return words === undefined || text === "" || reachesOf(words).has(`${use} ${text}`);
}

/** What the words of a text cost that are looked for, which pricing does as much as searching. */
export function lookUpWork({ words }: ServedIndex, text: string, use: WordUse): number {
  return words === undefined || text === "" ? 0 : leastReach(words, text, use).words * wordWork(words);
}

const wordWork = ({ numTerms }: Words) => WORD_WORK + numTerms * TERM_WORK;

/** Work of the words of a text, the postings they lead to, and pages of postings that are read. */
function wordPrice({ words }: ServedIndex, text: string, use: WordUse, isLeast: boolean) {
  if (words === undefined || text === "") return { work: 0, lists: 0, postings: 0, terms: 0 };
  const reach = isLeast
    ? leastReach(words, text, use)
    : remembered(words, `${use} ${text}`, () => reachOf(words, text, use));
  const { numItems } = words;
  const work =
    TEXT_WORK +
    reach.words * wordWork(words) +
    reach.postings * POSTING_WORK +
    (use === "search" ? reach.terms : 0) * Math.ceil(numItems / SUMMED_TOGETHER) * TERM_WINDOW_WORK +
    reach.masks * (WORD_WORK + numItems * MASK_WORK);
  // Short lists share pages, and frequent ones are in memory.
  return { work, lists: reach.terms / 2, postings: reach.postings, terms: reach.terms };
}

/** Adds up reads of pages. */
class Reads {
  #reads = 0;
  #bytes = 0;
  readonly #seen = new Map<Pages, number>();

  /** So many pages of a kind, at most all of them: what was read is there for a moment. */
  add(pages: Pages, most: number): void {
    if (!pages.isPaged || pages.count === 0 || most <= 0) return;
    if (pages.tables !== undefined) this.add(pages.tables, most);
    const before = this.#seen.get(pages) ?? 0;
    const count = Math.min(pages.count, before + Math.ceil(most));
    this.#seen.set(pages, count);
    this.#reads += count - before;
    this.#bytes += (count - before) * pages.size;
  }

  price(work: number, bytes: number): Price {
    const readBytes = this.#bytes;
    return { work: Math.round(work + readBytes * READ_BYTE_WORK), reads: this.#reads, readBytes, bytes };
  }
}
