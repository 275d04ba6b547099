/** From a validated request to the JSON of its answer: text → vector → ADC search → items. */

import type { z } from "@hono/zod-openapi";
import type { Item } from "@poeem/pq-core";
import type { ServedIndex } from "../index/served-index.ts";
import { invalidRequest } from "./parameters.ts";
import { Problem } from "./problem.ts";
import type { searchQuery, searchResponse, searchResult } from "./schemas.ts";

/**
 * @throws Problem `invalid-request` when `nprobe` is above the index's nlist or the index takes no text,
 * `index-unavailable` when a page of the index cannot be read.
 */
export async function search(
  { index, tower }: ServedIndex,
  { q, k, nprobe = index.manifest.defaultNprobe }: z.output<typeof searchQuery>,
): Promise<z.output<typeof searchResponse>> {
  const { numItems } = index.manifest;
  // An index without coarse quantizer (nlist 0) is one cell.
  const nlist = Math.max(index.manifest.nlist, 1);
  if (nprobe > nlist) {
    throw invalidRequest([
      {
        parameter: "nprobe",
        detail: `expected a whole number from 1 to ${nlist}, the cells of this index, got ${nprobe}`,
      },
    ]);
  }
  if (tower === undefined)
    throw invalidRequest([
      { parameter: "q", detail: "cannot be used: this index was published without a query tower" },
    ]);
  const answer = { query: q, indexVersion: index.version, k, nprobe };
  const vector = tower.embedText(q);
  // Nothing of the text is known to the model: every score would be 0, and any order of items a lie.
  if (vector.every((value) => value === 0)) return { ...answer, listsProbed: 0, codesScanned: 0, results: [] };
  try {
    const { ordinals, scores, listsProbed, codesScanned } = await index.search(vector, {
      k: Math.min(k, numItems),
      nprobe,
    });
    const items = await index.items(ordinals);
    return {
      ...answer,
      listsProbed,
      codesScanned,
      results: items.map((item, rank) => toResult(item, scores[rank] ?? 0)),
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Problem("index-unavailable", `A part of index ${index.version} cannot be read: ${message}`, undefined, {
      cause: error,
    });
  }
}

function toResult({ id, fields = {} }: Item, score: number): z.output<typeof searchResult> {
  const { title, ...others } = fields;
  return {
    id: typeof id === "bigint" ? String(id) : id,
    // Seven digits are what a float32 holds; the rest would be noise in every answer.
    score: Number(score.toPrecision(7)),
    title: typeof title === "string" ? title : null,
    fields: others,
  };
}
