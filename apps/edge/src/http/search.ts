/** From a validated request to the JSON of its answer: question → search by codes, words or both → items. */
import type { z } from "@hono/zod-openapi";
import { type Index, InputError, type Item, type ItemFields, jsonId, quote, type ReadMeter } from "@poeem/pq-core";
import { type Answer, answerQuestion, popular, type Searched, suggest } from "@poeem/towers";
import { IndexUnavailableError, OverloadedError } from "../index/errors.ts";
import type { ServedIndex } from "../index/served-index.ts";
import { type Asked, priceOfAsked } from "./asked.ts";
import { tooLong } from "./budget.ts";
import { diversify } from "./diversity.ts";
import { jsonSize } from "./json-size.ts";
import type { Meter } from "./meter.ts";
import { candidatesOf, largestItem, priceOfFacets, priceOfItem } from "./price.ts";
import { Problem } from "./problem.ts";
import { questionOf } from "./question.ts";
import { requireWords } from "./resolve.ts";
import type { facetsResponse, itemResponse, searchResponse, searchResult, suggestResponse } from "./responses.ts";

/**
 * @param meter counts what is read and how long the answer is
 * @throws IndexUnavailableError when a page of the index cannot be read
 * @throws InputError when the index lacks an item or facet that was named
 * @throws Problem `too-expensive` for what costs more than its price
 */
export async function search(asked: Asked, meter: Meter): Promise<z.output<typeof searchResponse>> {
  const { served, request } = asked;
  const { q, k, nprobe, mode, filter, diversity, exclude, fields } = request;
  const head = { query: q ?? null, indexVersion: served.index.version, k, nprobe };
  return readPart(served, meter, priceOfAsked(asked).readBytes, async (searched) => {
    const options = { k: diversity === 0 ? k : candidatesOf(k), nprobe, filter, exclude, mode };
    const found = await answerQuestion(searched, questionOf(request), options);
    const nothing = served.words === undefined || q === undefined ? null : 0;
    if (found === undefined)
      return { ...head, listsProbed: 0, codesScanned: 0, mode, confidence: nothing, results: [] };
    const order =
      diversity === 0
        ? [...found.ordinals.keys()]
        : diversify(relevance(found), await searched.index.vectors(found.ordinals), k, diversity);
    const ordinals = order.map((rank) => found.ordinals[rank]!);
    const ofItems = fields?.length === 0 ? idsAlone(searched.index) : searched.index;
    const results = await collect(ofItems, ordinals, meter, k, (item, i) => toResult(item, found, order[i]!, fields));
    const { listsProbed, codesScanned } = found;
    return {
      ...head,
      listsProbed,
      codesScanned,
      mode: found.mode,
      // the best by words and vector together need not be what is surest to be meant
      confidence: results.reduce((most: number | null, { confidence }) => surest(most, confidence), nothing),
      results,
    };
  });
}

/** What is searched, with a meter of what is read. */
function metered({ index, tower, words }: ServedIndex, meter: ReadMeter): Searched {
  return { index: index.metered(meter), tower, words: words?.metered(meter) };
}

/** Pages whose items are in memory together. */
const COLLECTED_BYTES = 4 * 1024 * 1024;
/** Pages that are read at once. */
const MIN_COLLECTED = 6;

/**
 * What `make` makes of items, in the order of their ordinals. Few are in memory at a time: of each there stays what
 * goes into the answer.
 * @throws Problem `too-expensive` when that is too much
 */
async function collect<T extends object>(
  index: Pick<Index, "items" | "manifest">,
  ordinals: readonly number[],
  meter: Meter,
  k: number,
  make: (item: Item, i: number) => T,
): Promise<T[]> {
  const step = Math.max(MIN_COLLECTED, Math.floor(COLLECTED_BYTES / largestItem(index.manifest)));
  const made = new Array<T>(ordinals.length);
  // By their ordinals, so that a page is read once.
  const places = step < ordinals.length ? [...ordinals.keys()].sort((a, b) => ordinals[a]! - ordinals[b]!) : undefined;
  let bytes = 0;
  let largest = 0;
  for (let from = 0; from < ordinals.length; from += step) {
    const some = places?.slice(from, from + step) ?? [...ordinals.keys()];
    const items = await index.items(some.map((i) => ordinals[i]!));
    for (const [at, item] of items.entries()) {
      const one = make(item, some[at]!);
      const size = jsonSize(one);
      bytes += size;
      largest = Math.max(largest, size);
      made[some[at]!] = one;
    }
    if (!meter.hasRoom(bytes)) throw tooLong(largest, k, meter);
  }
  meter.answer(bytes);
  return made;
}

/** Items of which nothing but the ids is asked for: where those lie beside the codes, no page is read for them. */
function idsAlone(index: Index): Pick<Index, "items" | "manifest"> {
  const items = async (ordinals: ArrayLike<number>): Promise<Item[]> =>
    (await index.ids(ordinals)).map((id) => ({ id, fields: undefined }));
  return { items, manifest: index.manifest };
}

function surest(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}

/** Scores among which `diversity` weighs: without the lead of items that were named, beside which others look alike. */
function relevance({ scores, named }: Answer): Float32Array {
  const best = scores.find((_, i) => named[i] !== 1);
  return best === undefined ? scores : scores.map((score, i) => (named[i] === 1 ? best : score));
}

/**
 * How a text could go on; of an empty one, what people search for most.
 * @throws InputError for a text when the index has no words
 */
export async function suggestTexts(asked: Asked, meter: Meter): Promise<z.output<typeof suggestResponse>> {
  const { served, request } = asked;
  const { q: query = "", k: most } = request;
  if (query !== "") requireWords(served, "q");
  const suggestions = await readPart(served, meter, priceOfAsked(asked).readBytes, (searched) =>
    query === "" ? popular(searched, most) : suggest(searched, query, most),
  );
  return { query, indexVersion: served.version, suggestions: [...suggestions] };
}

/** The item with this id. @throws Problem `not-found` */
export async function findItem(served: ServedIndex, id: string, meter: Meter): Promise<z.output<typeof itemResponse>> {
  const item = await readPart(served, meter, priceOfItem(served).readBytes, async ({ index }) => {
    const [ordinal = -1] = await index.ordinals([id]);
    return ordinal < 0 ? undefined : (await index.items([ordinal]))[0];
  });
  if (item === undefined) throw new Problem("not-found", `Index ${served.version} has no item ${quote(id)}`);
  return { id: jsonId(item.id), indexVersion: served.version, ...titled(item.fields) };
}

/**
 * The facets of an index, with how many items have each value, and the names of its numbers.
 * @throws Problem `too-expensive` when that is more than an answer may be
 */
export async function listFacets(served: ServedIndex, meter: Meter): Promise<z.output<typeof facetsResponse>> {
  const { version: indexVersion, memory } = served;
  if (!memory.keepsFilters) return { indexVersion, facets: {}, numbers: [] };
  return readPart(served, meter, priceOfFacets(served).readBytes, async ({ index }) => {
    const facets = await index.facets();
    if (!meter.hasRoom(jsonSize(facets))) throw tooLong(0, 0, meter);
    return { indexVersion, facets, numbers: [...(await index.numbers())] };
  });
}

/**
 * Reads parts of an index, in a turn where that takes memory. Unless it is an InputError, an OverloadedError or a
 * Problem, what goes wrong here is the fault of the index or of KV. Nothing is tried again here: stores do so for reads
 * that fail, and pq-core for chunks that are damaged.
 * @param bytes of pages, at a guess
 */
async function readPart<T>(
  served: ServedIndex,
  meter: Meter,
  bytes: number,
  read: (searched: Searched) => Promise<T>,
): Promise<T> {
  const isAnswer = (error: unknown) =>
    error instanceof InputError || error instanceof OverloadedError || error instanceof Problem;
  try {
    return await served.use((reads = meter) => read(metered(served, reads)), { bytes, meter });
  } catch (error) {
    if (isAnswer(error)) throw error;
    // Which one is for the log: its key is in the cause.
    throw new IndexUnavailableError(`A part of index ${served.version} cannot be read now`, { cause: error });
  }
}

function toResult(
  { id, fields }: Item,
  { scores, confidence, matched }: Answer,
  rank: number,
  names: readonly string[] | undefined,
): z.output<typeof searchResult> {
  const sure = confidence[rank]!;
  return {
    id: jsonId(id),
    // Seven digits are what a float32 holds; the rest would be noise in every answer.
    score: Number(scores[rank]!.toPrecision(7)),
    confidence: Number.isNaN(sure) ? null : Number(sure.toFixed(4)),
    matched: [...matched[rank]!],
    ...titled(fields, names),
  };
}

function titled(fields: ItemFields = {}, names?: readonly string[]) {
  const { title, ...others } = fields;
  const chosen =
    names === undefined ? others : Object.fromEntries(Object.entries(others).filter(([name]) => names.includes(name)));
  return { title: typeof title === "string" ? title : null, fields: chosen };
}
