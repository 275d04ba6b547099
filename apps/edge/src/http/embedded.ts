/** Which text of a search an encoder embeds, and what stands for its embedding until then. */
import type { Mode } from "@poeem/pq-core/words";
import { readTextQuery } from "@poeem/towers";
import type { ServedIndex } from "../index/served-index.ts";
import type { Embedding } from "./request-parts.ts";
import type { SearchRequest } from "./requests.ts";

/** Says what an answer had to do without: `encoder`. */
export const FALLBACK_HEADER = "X-Poeem-Fallback";

/** What decides whether a text is embedded. */
type Texted = Pick<SearchRequest, "q" | "embedding"> & { readonly mode: Mode };

/**
 * The text that is embedded for a search: without the operators that words have, where there are words. Undefined where
 * nothing reads it, or the caller has embedded it.
 */
export function textToEmbed(
  { encoders, words }: Pick<ServedIndex, "encoders" | "words">,
  { q, embedding, mode }: Texted,
): string | undefined {
  if (encoders.length === 0 || q === undefined || embedding !== undefined || mode === "words") return undefined;
  const text = words === undefined ? q : withoutOperators(q);
  return text === "" ? undefined : text;
}

/** Of the last texts: a search is looked at several times, and one that is refused, hundreds of times for advice. */
const PLAIN = new Map<string, string>();
const MAX_PLAIN = 128;

function withoutOperators(q: string): string {
  let text = PLAIN.get(q);
  if (text === undefined) {
    text = readTextQuery(q).text.trim();
    if (PLAIN.size >= MAX_PLAIN) PLAIN.clear();
    PLAIN.set(q, text);
  }
  return text;
}

/** Different texts of searches that are asked together. */
export function textsToEmbed(all: readonly { readonly served: ServedIndex; readonly request: Texted }[]): Set<string> {
  return new Set(all.flatMap(({ served, request }) => textToEmbed(served, request) ?? []));
}

/** Stands for the embedding of a text before there is one: what it is asked with can be checked. */
export function standIn({ encoders }: Pick<ServedIndex, "encoders">): Embedding {
  return Object.fromEntries(
    encoders.map(({ input, desk }) => [input, new Float32Array(desk.encoder.length).fill(1)] as const),
  );
}
