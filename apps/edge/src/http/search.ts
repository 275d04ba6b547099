/** From a validated request to the JSON of its answer: query vector → ADC search → items. */
import type { z } from "@hono/zod-openapi";
import type { Item, ItemFields, ItemId } from "@poeem/pq-core";
import type { ServedIndex } from "../index/served-index.ts";
import { invalidRequest } from "./parameters.ts";
import { Problem } from "./problem.ts";
import { type SearchRequest, show } from "./requests.ts";
import type { itemResponse, searchResponse, searchResult } from "./responses.ts";

/** A request made complete with what only the index knows. */
export type ResolvedSearch = SearchRequest & { readonly nprobe: number };

/**
 * Checks a request against the index and fills in its default nprobe.
 * @throws Problem `invalid-request` when `nprobe` is above nlist, a vector has another dim, or the index takes no text.
 */
export function resolveSearch({ index, tower }: ServedIndex, request: SearchRequest): ResolvedSearch {
  const { dim, defaultNprobe } = index.manifest;
  // An index without coarse quantizer (nlist 0) is one cell.
  const nlist = Math.max(index.manifest.nlist, 1);
  const { nprobe = defaultNprobe, vector, q } = request;
  if (nprobe > nlist)
    throw invalid("nprobe", `expected a whole number from 1 to ${nlist}, the cells of this index, got ${nprobe}`);
  if (vector && vector.length !== dim)
    throw invalid("vector", `expected ${dim} numbers, the dim of this index, got ${vector.length}`);
  if (q !== undefined && tower === undefined)
    throw invalid("q", "cannot be used: this index was published without a query tower");
  return { ...request, nprobe };
}

/** @throws Problem `index-unavailable` when a page of the index cannot be read; `invalid-request` when `like` names no item. */
export async function search(served: ServedIndex, request: ResolvedSearch): Promise<z.output<typeof searchResponse>> {
  const { index } = served;
  const { q, like, k, nprobe, exclude, fields } = request;
  const answer = { query: q ?? null, indexVersion: index.version, k, nprobe };
  const vector = await readPart(served, () => queryVector(served, request));
  // Nothing of the text is known to the model: every score would be 0, and any order of items a lie.
  if (q !== undefined && vector.every((value) => value === 0))
    return { ...answer, listsProbed: 0, codesScanned: 0, results: [] };
  return readPart(served, async () => {
    const dropped = new Set(await index.ordinals(like === undefined ? exclude : [like, ...exclude]));
    const { ordinals, scores, listsProbed, codesScanned } = await index.search(vector, {
      k: Math.min(k + dropped.size, index.manifest.numItems),
      nprobe,
    });
    // Ask for as many more as may be dropped, then drop: exact, and the index need not know about it.
    const kept = [...ordinals.keys()].filter((rank) => !dropped.has(ordinals[rank]!)).slice(0, k);
    const items = await index.items(kept.map((rank) => ordinals[rank]!));
    return {
      ...answer,
      listsProbed,
      codesScanned,
      results: items.map((item, i) => toResult(item, scores[kept[i]!]!, fields)),
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
  if (item === undefined) throw new Problem("not-found", `Index ${index.version} has no item ${show(id)}`);
  return { id: jsonId(item.id), indexVersion: index.version, ...titled(item.fields) };
}

async function queryVector({ index, tower }: ServedIndex, { q, like, vector }: ResolvedSearch): Promise<Float32Array> {
  if (vector !== undefined) return vector;
  if (like === undefined) return tower!.embedText(q!);
  const [ordinal = -1] = await index.ordinals([like]);
  if (ordinal < 0) throw invalid("like", `expected the id of an item of this index, got ${show(String(like))}`);
  return index.vectors([ordinal]);
}

/** Whatever goes wrong while a part of the index is read is the index's fault, and may be better in a minute. */
async function readPart<T>({ version }: ServedIndex, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Problem) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new Problem("index-unavailable", `A part of index ${version} cannot be read: ${message}`, undefined, {
      cause: error,
    });
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

function jsonId(id: ItemId): string | number {
  return typeof id === "bigint" ? String(id) : id;
}

function invalid(parameter: string, detail: string): Problem {
  return invalidRequest([{ parameter, detail }]);
}
