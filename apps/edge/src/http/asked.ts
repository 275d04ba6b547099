/** Searches that are asked, and what of them is priced. */
import type { ServedIndex } from "../index/served-index.ts";
import type { Limits } from "../limits.ts";
import { isLookedUp, lookUpWork, type Price, type Pricing, priceOfSuggestions, useOf } from "./price.ts";
import type { ResolvedSearch } from "./resolve.ts";

/** A search and the index that it asks. */
export interface Asked {
  readonly served: ServedIndex;
  readonly request: ResolvedSearch;
  /** Left out: that of a search. */
  readonly price?: Pricing | undefined;
}

/** Suggestions, which have a price of their own. */
export function suggestionsAsked(served: ServedIndex, q: string, k: number, index: string): Asked {
  const request = { ...{ q, k, index, nprobe: 1, exclude: [], diversity: 0 }, mode: "words" as const };
  return { served, request, price: (_, { q = "", k }, isLeast) => priceOfSuggestions(served, q, k, isLeast) };
}

export const hasText = ({ served, request }: Asked) => served.words !== undefined && request.q !== undefined;
export const useOfText = ({ request, price }: Asked) => (price === undefined ? useOf(request.mode) : "suggest");

/** Work of looking up the words of a text; nothing for what is remembered. */
export function workOfLookUp(one: Asked): number {
  const { served, request } = one;
  const { q = "" } = request;
  return isLookedUp(served, q, useOfText(one)) ? 0 : lookUpWork(served, q, useOfText(one));
}

export const LIMITED = ["work", "reads", "bytes"] as const;

export function isWithin(price: Price, limits: Limits): boolean {
  return LIMITED.every((name) => price[name] <= limits[name]);
}
