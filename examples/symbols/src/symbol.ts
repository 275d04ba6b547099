/** What every source yields: symbols, and the words that find them. */

/** The sets, in the order in which the build reads them. */
export const sets = ["emoji", "character", "tabler", "lucide", "mdi", "phosphor"] as const;

export type SymbolSet = (typeof sets)[number];

/** One row of `items.jsonl`: a symbol and what a page needs to draw it. Every row has every key. */
export interface Item {
  /** `set:name`, for example `emoji:1f382` (code points in hex) or `tabler:arrow-left`. */
  readonly id: string;
  /** English name in plain words, for example `birthday cake` or `arrow left`. */
  readonly title: string;
  readonly set: SymbolSet;
  readonly kind: "emoji" | "character" | "icon";
  /** The best category that the source has, lower case; empty when it has none. */
  readonly category: string;
  /** The character sequence itself; null for icons. */
  readonly glyph: string | null;
  /** The drawing, as `shape.ts` packs it; null for emoji and characters. */
  readonly svg: string | null;
}

/** One row of `events.jsonl`: somebody who types `query` in `locale` means `item`. */
export interface Event {
  /** Normalised by `normalizeQuery`. */
  readonly query: string;
  readonly item: string;
  readonly locale: string;
  readonly source: "title" | "name" | "keyword" | "tag";
}

/** A symbol with its words as the source spells them, not yet normalised. */
export interface SourceSymbol {
  readonly item: Item;
  readonly words: readonly Omit<Event, "item">[];
}
