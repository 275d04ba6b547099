/** Searches that are asked, and what of them is priced. */
import type { ServedIndex } from "../index/served-index.ts";
import type { Limits } from "../limits.ts";
import { isLookedUp, lookUpWork, type Price, type Pricing, priceOf, priceOfSuggestions, useOf } from "./price.ts";
import type { ResolvedSearch } from "./resolve.ts";

/** A search and the index that it asks. */
export interface Asked {
  readonly served: ServedIndex;
  readonly request: ResolvedSearch;
  /** Left out: that of a search. */
  readonly pricing?: Pricing | undefined;
  /** See {@link priceOfAsked}. Whoever changes the request leaves it out. */
  price?: Price | undefined;
}

/** What it costs: computed once, as it is on the way of every search. */
export function priceOfAsked(one: Asked): Price {
  const { served, request, pricing = priceOf } = one;
  one.price ??= pricing(served, request);
  return one.price;
}

/** Suggestions, which have a price of their own. */
export function suggestionsAsked(served: ServedIndex, q: string, k: number, index: string): Asked {
  const request = { ...{ q, k, index, nprobe: 1, exclude: [], diversity: 0 }, mode: "words" as const };
  return { served, request, pricing: (_, { q = "", k }, isLeast) => priceOfSuggestions(served, q, k, isLeast) };
}

export const hasText = ({ served, request }: Asked) => served.words !== undefined && request.q !== undefined;
export const useOfText = ({ request, pricing }: Asked) => (pricing === undefined ? useOf(request.mode) : "suggest");

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
