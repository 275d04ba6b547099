/** From a validated request to the JSON of its answer: question → query vectors → ADC search → items. */
import type { z } from "@hono/zod-openapi";
import { InputError, type Item, type ItemFields, jsonId, messageOf, quote } from "@poeem/pq-core";
import { planQuestion, questionVectors } from "@poeem/towers";
import { IndexUnavailableError } from "../index/errors.ts";
import type { ServedIndex } from "../index/served-index.ts";
import { CANDIDATES_PER_RESULT, diversify } from "./diversity.ts";
import { Problem } from "./problem.ts";
import { questionOf } from "./question.ts";
import { MAX_K, type SearchRequest } from "./requests.ts";
import type { facetsResponse, itemResponse, searchResponse, searchResult } from "./responses.ts";

/** A request made complete with what only the index knows. */
export type ResolvedSearch = SearchRequest & { readonly nprobe: number };

/**
 * Checks a request against the index and fills in its default nprobe.
 * @throws InputError when `nprobe` is above nlist, a vector has another dim, or the model does not read what is asked
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
  planQuestion(served.tower, dim, questionOf(request));
  if (filter !== undefined && !memory.keepsFilters)
    throw new InputError("filter", "cannot be used: this index has more filters than an isolate can keep");
  return { ...request, nprobe };
}

/**
 * @throws IndexUnavailableError when a page of the index cannot be read
 * @throws InputError when the index lacks an item or facet that was named
 */
export async function search(served: ServedIndex, request: ResolvedSearch): Promise<z.output<typeof searchResponse>> {
  const { index } = served;
  const { q, k, nprobe, filter, diversity, exclude, fields } = request;
  const answer = { query: q ?? null, indexVersion: index.version, k, nprobe };
  return readPart(served, async () => {
    const query = await questionVectors(index, served.tower, questionOf(request));
    if (query === undefined) return { ...answer, listsProbed: 0, codesScanned: 0, results: [] };
    const wanted = diversity === 0 ? k : Math.max(k, Math.min(k * CANDIDATES_PER_RESULT, MAX_K));
    const found = await index.search(query.vectors, {
      k: wanted,
      nprobe,
      filter,
      exclude: [...query.exclude, ...exclude],
      merge: query.merge,
    });
    const order =
      diversity === 0
        ? [...found.ordinals.keys()]
        : diversify(found.scores, await index.vectors(found.ordinals), k, diversity);
    const items = await index.items(order.map((rank) => found.ordinals[rank]!));
    const { listsProbed, codesScanned, scores } = found;
    return {
      ...answer,
      listsProbed,
      codesScanned,
      results: items.map((item, i) => toResult(item, scores[order[i]!]!, fields)),
    };
  });
}

/** The item with this id. @throws Problem `not-found` */
export async function findItem(served: ServedIndex, id: string): Promise<z.output<typeof itemResponse>> {
  const { index } = served;
  const item = await readPart(served, async () => {
    const [ordinal = -1] = await index.ordinals([id]);
    return ordinal < 0 ? undefined : (await index.items([ordinal]))[0];
  });
  if (item === undefined) throw new Problem("not-found", `Index ${index.version} has no item ${quote(id)}`);
  return { id: jsonId(item.id), indexVersion: index.version, ...titled(item.fields) };
}

/** The facets of an index, with how many items have each value, and the names of its numbers. */
export async function listFacets(served: ServedIndex): Promise<z.output<typeof facetsResponse>> {
  const { version: indexVersion, memory, index } = served;
  if (!memory.keepsFilters) return { indexVersion, facets: {}, numbers: [] };
  return readPart(served, async () => ({
    indexVersion,
    facets: await index.facets(),
    numbers: [...(await index.numbers())],
  }));
}

/**
 * Reads parts of an index. Unless it is an InputError, what goes wrong here is the fault of the index or of KV. It is
 * tried twice: pages that arrived are kept, so the second time reads only what failed.
 */
async function readPart<T>({ version, use }: ServedIndex, read: () => Promise<T>): Promise<T> {
  try {
    return await use(() =>
      read().catch((error: unknown) => (error instanceof InputError ? Promise.reject(error) : read())),
    );
  } catch (error) {
    if (error instanceof InputError) throw error;
    const message = `A part of index ${version} cannot be read: ${messageOf(error)}`;
    throw new IndexUnavailableError(message, { cause: error });
  }
}

function toResult(
  { id, fields }: Item,
  score: number,
  names: readonly string[] | undefined,
): z.output<typeof searchResult> {
  // Seven digits are what a float32 holds; the rest would be noise in every answer.
  return { id: jsonId(id), score: Number(score.toPrecision(7)), ...titled(fields, names) };
}

function titled(fields: ItemFields = {}, names?: readonly string[]) {
  const { title, ...others } = fields;
  const chosen =
    names === undefined ? others : Object.fromEntries(Object.entries(others).filter(([name]) => names.includes(name)));
  return { title: typeof title === "string" ? title : null, fields: chosen };
}
