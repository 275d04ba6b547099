/** From what a search asks for to the vectors it searches with: the query tower's, or those of items. */
import type { Merge } from "@poeem/pq-core";
import type { QueryTower } from "@poeem/towers";
import type { ServedIndex } from "../index/served-index.ts";
import { invalidRequest } from "./parameters.ts";
import { maxHistoryVectors, type SearchRequest, show } from "./requests.ts";

/** One vector, or several whose scores are merged. */
export interface QueryVectors {
  readonly vectors: readonly Float32Array[];
  readonly merge?: Merge;
}

/**
 * Refuses what the model of an index cannot read.
 * @throws Problem `invalid-request` naming the parameter
 */
export function checkReadable({ tower }: ServedIndex, { q, history, context }: SearchRequest): void {
  if (q !== undefined && !tower?.reads.text)
    throw invalid("q", "cannot be used: this index was published without a query tower that reads text");
  for (const name of Object.keys(context ?? {})) {
    const contexts = tower?.reads.contexts ?? [];
    if (!contexts.includes(name))
      throw invalid(`context.${name}`, `is unknown; the model of this index reads ${contexts.join(", ") || "none"}`);
  }
  if (history !== undefined && (q !== undefined || context !== undefined) && !isPooled(tower))
    throw invalid("history", "cannot be combined: the model of this index reads a history by itself");
  if (context !== undefined && !isPooled(tower) && tower?.reads.history !== undefined)
    throw invalid("context", "cannot be used: the model of this index reads nothing with a history");
}

/** Text, history and context become one vector. */
function isPooled(tower: QueryTower | undefined): boolean {
  return tower?.reads.history === "mean" || tower?.reads.history === "attention";
}

/**
 * @returns undefined when nothing of the query is known to the model: every score would be the same, and any order of items a lie
 * @throws Problem `invalid-request` for an id that no item has
 */
export async function queryVectors(served: ServedIndex, request: SearchRequest): Promise<QueryVectors | undefined> {
  const { tower } = served;
  const { q, like, history, vector, context } = request;
  if (vector !== undefined) return { vectors: [vector] };
  if (like !== undefined) return { vectors: rows(await itemVectors(served, "like", [like]), served) };
  if (history === undefined && context === undefined) return known(tower!.embedText(q!));
  if (history !== undefined && tower?.reads.history === undefined) {
    // Without a trained head, each item is an interest of its own, and a result is near to one of them.
    return { vectors: rows(await itemVectors(served, "history", history.slice(-maxHistoryVectors)), served) };
  }
  const { history: form, historyLength } = tower!.reads;
  const read = form === "mixture" ? Math.min(historyLength, maxHistoryVectors) : historyLength;
  const items = history && (await itemVectors(served, "history", history.slice(-read)));
  const embedded = tower!.embed({ text: q, history: items, context });
  if (embedded === undefined || embedded instanceof Float32Array) return known(embedded);
  const { vectors, temperature, weights } = embedded;
  return { vectors, merge: { by: "sumExp", temperature, weights, exact: false } };
}

function known(vector: Float32Array | undefined): QueryVectors | undefined {
  return vector?.some((value) => value !== 0) ? { vectors: [vector] } : undefined;
}

/** Decoded vectors of items, (ids.length, dim): from the very codes that are searched. */
async function itemVectors(
  { index }: ServedIndex,
  parameter: string,
  ids: readonly (string | number)[],
): Promise<Float32Array> {
  const ordinals = await index.ordinals(ids);
  const missing = ordinals.indexOf(-1);
  if (missing >= 0) throw invalid(parameter, `expected ids of items of this index, got ${show(String(ids[missing]))}`);
  return index.vectors(ordinals);
}

function rows(vectors: Float32Array, { index }: ServedIndex): Float32Array[] {
  const { dim } = index.manifest;
  return Array.from({ length: vectors.length / dim }, (_, i) => vectors.subarray(i * dim, (i + 1) * dim));
}

function invalid(parameter: string, detail: string) {
  return invalidRequest([{ parameter, detail }]);
}
