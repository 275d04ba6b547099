import { readCldr } from "./sources/cldr.ts";
import { readFlags } from "./sources/flags.ts";
import { readLucide } from "./sources/lucide.ts";
import { readMdi } from "./sources/mdi.ts";
import { readPhosphor } from "./sources/phosphor.ts";
import { readTabler } from "./sources/tabler.ts";
import type { Event, Item, SourceSymbol } from "./symbol.ts";
import { compareText, normalizeQuery } from "./text.ts";

export interface Dataset {
  /** Sorted by id. */
  readonly items: readonly Item[];
  /** Sorted by query, then item. */
  readonly events: readonly Event[];
}

/**
 * Reads every source and joins them. Deterministic: the same packages and engine give the same rows in the same
 * order.
 */
export function buildDataset(): Dataset {
  return joinSources([readCldr(), readFlags(), readTabler(), readLucide(), readMdi(), readPhosphor()].flat());
}

/**
 * Normalises the words; an empty query is dropped, and of two equal pairs (query, item) the first stays.
 * @throws Error when two symbols have one id.
 */
export function joinSources(symbols: readonly SourceSymbol[]): Dataset {
  const items = new Map<string, Item>();
  const events: Event[] = [];
  for (const { item, words } of symbols) {
    if (items.has(item.id)) throw new Error(`[symbols] id "${item.id}" expected once, got twice`);
    items.set(item.id, item);
    const seen = new Set<string>();
    for (const word of words) {
      const query = normalizeQuery(word.query);
      if (query === "" || seen.has(query)) continue;
      seen.add(query);
      events.push({ query, item: item.id, locale: word.locale, source: word.source });
    }
  }
  return {
    items: [...items.values()].sort((a, b) => compareText(a.id, b.id)),
    events: events.sort((a, b) => compareText(a.query, b.query) || compareText(a.item, b.item)),
  };
}
