/** From a validated request to the JSON of its answer: question → search by codes, words or both → items. */
import type { z } from "@hono/zod-openapi";
import { InputError, type Item, type ItemFields, jsonId, messageOf, quote, type ReadMeter } from "@poeem/pq-core";
import type { Mode } from "@poeem/pq-core/words";
import { type Answer, answerQuestion, planQuestion, popular, suggest } from "@poeem/towers";
import { IndexUnavailableError, OverloadedError } from "../index/errors.ts";
import type { Reading, ServedIndex } from "../index/served-index.ts";
import { CANDIDATES_PER_RESULT, diversify } from "./diversity.ts";
import { Problem } from "./problem.ts";
import { questionOf } from "./question.ts";
import { MAX_K, type SearchRequest } from "./requests.ts";
import type { facetsResponse, itemResponse, searchResponse, searchResult, suggestResponse } from "./responses.ts";

/** What a search reads of pages, until it is priced. */
const READ_BYTES = 4 * 1024 * 1024;

/** A request made complete with what only the index knows. */
export type ResolvedSearch = SearchRequest & { readonly nprobe: number; readonly mode: Mode };

/**
 * Checks a request against the index and fills in its default nprobe and mode.
 * @throws InputError when `nprobe` is above nlist, a vector has another dim, the model does not read what is asked, or
 *   there are no words to go by
 */
export function resolveSearch(served: ServedIndex, request: SearchRequest): ResolvedSearch {
  const { index, memory } = served;
  const { dim, defaultNprobe } = index.manifest;
  // An index without coarse quantizer (nlist 0) is one cell.
  const nlist = Math.max(index.manifest.nlist, 1);
  const { nprobe = defaultNprobe, filter } = request;
  if (nprobe > nlist)
    throw new InputError(
      "nprobe",
      `expected a whole number from 1 to ${nlist}, the cells of this index, got ${nprobe}`,
    );
  const { mode = served.words !== undefined && request.q !== undefined ? "hybrid" : "dense" } = request;
  if (mode === "dense") planQuestion(served.tower, dim, questionOf(request));
  else {
    requireWords(served, "mode");
    if (request.q === undefined) throw new InputError("mode", `expected dense, as there is no q, got ${mode}`);
  }
  if (filter !== undefined && !memory.keepsFilters)
    throw new InputError("filter", "cannot be used: this index has more filters than an isolate can keep");
  return { ...request, nprobe, mode };
}

/** @throws InputError naming a parameter that goes by words where the index has none */
function requireWords({ words, memory }: ServedIndex, parameter: string): void {
  if (words !== undefined) return;
  const why = memory.keepsWords ? "was published without words" : "has more words than an isolate can keep";
  throw new InputError(parameter, `cannot be used: this index ${why}`);
}

/**
 * @throws IndexUnavailableError when a page of the index cannot be read
 * @throws InputError when the index lacks an item or facet that was named
 */
export async function search(served: ServedIndex, request: ResolvedSearch): Promise<z.output<typeof searchResponse>> {
  const { q, k, nprobe, mode, filter, diversity, exclude, fields } = request;
  const head = { query: q ?? null, indexVersion: served.version, k, nprobe };
  return readPart(
    served,
    async (served) => {
      const { index } = served;
      const wanted = diversity === 0 ? k : Math.max(k, Math.min(k * CANDIDATES_PER_RESULT, MAX_K));
      const options = { k: wanted, nprobe, filter, exclude, mode };
      const found = await answerQuestion(served, questionOf(request), options);
      const nothing = served.words === undefined || q === undefined ? null : 0;
      if (found === undefined)
        return { ...head, listsProbed: 0, codesScanned: 0, mode, confidence: nothing, results: [] };
      const order =
        diversity === 0
          ? [...found.ordinals.keys()]
          : diversify(relevance(found), await index.vectors(found.ordinals), k, diversity);
      const items = await index.items(order.map((rank) => found.ordinals[rank]!));
      const results = items.map((item, i) => toResult(item, found, order[i]!, fields));
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
    },
    { bytes: READ_BYTES },
  );
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
export async function suggestTexts(
  served: ServedIndex,
  query: string,
  most: number,
): Promise<z.output<typeof suggestResponse>> {
  if (query !== "") requireWords(served, "q");
  const suggestions = await readPart(served, (served) =>
    query === "" ? popular(served, most) : suggest(served, query, most),
  );
  return { query, indexVersion: served.version, suggestions: [...suggestions] };
}

/** The item with this id. @throws Problem `not-found` */
export async function findItem(served: ServedIndex, id: string): Promise<z.output<typeof itemResponse>> {
  const item = await readPart(served, async ({ index }) => {
    const [ordinal = -1] = await index.ordinals([id]);
    return ordinal < 0 ? undefined : (await index.items([ordinal]))[0];
  });
  if (item === undefined) throw new Problem("not-found", `Index ${served.version} has no item ${quote(id)}`);
  return { id: jsonId(item.id), indexVersion: served.version, ...titled(item.fields) };
}

/** The facets of an index, with how many items have each value, and the names of its numbers. */
export async function listFacets(served: ServedIndex): Promise<z.output<typeof facetsResponse>> {
  const { version: indexVersion, memory } = served;
  if (!memory.keepsFilters) return { indexVersion, facets: {}, numbers: [] };
  return readPart(served, async ({ index }) => ({
    indexVersion,
    facets: await index.facets(),
    numbers: [...(await index.numbers())],
  }));
}

/**
 * Reads parts of an index. Unless it is of a class that says otherwise, what goes wrong here is the fault of the index
 * or of KV. It is tried twice: pages that arrived are kept, so the second time reads only what failed.
 */
async function readPart<T>(
  served: ServedIndex,
  read: (served: ServedIndex) => Promise<T>,
  reading?: Reading,
): Promise<T> {
  const isAnswer = (error: unknown) => error instanceof InputError || error instanceof OverloadedError;
  try {
    return await served.use((meter) => {
      const own = meter === undefined ? served : metered(served, meter);
      return read(own).catch((error: unknown) => (isAnswer(error) ? Promise.reject(error) : read(own)));
    }, reading);
  } catch (error) {
    if (isAnswer(error)) throw error;
    const message = `A part of index ${served.version} cannot be read: ${messageOf(error)}`;
    throw new IndexUnavailableError(message, { cause: error });
  }
}

/** The same version, whose reads are told to a meter. */
function metered(served: ServedIndex, meter: ReadMeter): ServedIndex {
  return { ...served, index: served.index.metered(meter), words: served.words?.metered(meter) };
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
