import { canBePopular, MAX_POPULAR_BYTES } from "@poeem/pq-core/write";
import { normalForm } from "@poeem/towers";
import type { Dataset } from "../data/types.ts";

/** Once could be a person's secret. */
const LEAST_EVENTS = 2;

/** The zero-width space too: it stands between words. */
const BLANKS = /[\s\u200b]+/g;

/** Texts with how many events they have. */
type Counts = Map<string, number>;

/**
 * The most frequent queries of the training events, at most so many and so many bytes as an index may have. Spellings
 * of one normal form are one query, shown as it is spelled most. The items' own sentences are none.
 */
export function popularQueries(
  { train, eventQuery, behaviour }: Pick<Dataset, "train" | "eventQuery" | "behaviour">,
  most: number,
): string[] {
  if (most === 0 || train.texts.length === 0) return [];
  const byForm = new Map<string, Counts>();
  for (const [text, count] of countTexts(train.texts, eventQuery.subarray(0, behaviour))) {
    const form = normalForm(text);
    if (form !== "") byForm.set(form, (byForm.get(form) ?? new Map<string, number>()).set(text, count));
  }
  const merged: Counts = new Map();
  for (const spellings of byForm.values()) {
    const count = [...spellings.values()].reduce((sum, one) => sum + one, 0);
    if (count >= LEAST_EVENTS) merged.set(ranked(spellings)[0]!, count);
  }
  const chosen: string[] = [];
  let bytes = 0;
  for (const text of ranked(merged)) {
    if (chosen.length === most) break;
    const size = Buffer.byteLength(text);
    if (bytes + size > MAX_POPULAR_BYTES) continue;
    bytes += size;
    chosen.push(text);
  }
  return chosen;
}

/** How many events have each text that can be shown, blanks being one blank. */
function countTexts(texts: readonly string[], eventQuery: Uint32Array): Counts {
  const events = new Uint32Array(texts.length);
  for (const query of eventQuery) events[query]!++;
  const counts: Counts = new Map();
  for (const [query, count] of events.entries()) {
    const text = texts[query]!.replace(BLANKS, " ").trim();
    if (canBePopular(text)) counts.set(text, (counts.get(text) ?? 0) + count);
  }
  return counts;
}

/** The most frequent first; of equal ones the first by code units, whatever the order of the rows. */
function ranked(counts: Counts): string[] {
  const pairs = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return pairs.map(([text]) => text);
}
