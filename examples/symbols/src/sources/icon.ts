import type { Item, SourceSymbol, SymbolSet } from "../symbol.ts";
import { dashesToSpaces } from "../text.ts";

/** What all four icon sets have in common. */
export interface Icon {
  readonly set: Exclude<SymbolSet, "emoji" | "character">;
  /** The set's own identifier, in kebab case. */
  readonly name: string;
  readonly category: string;
  /** Packed drawing, see `shape.ts`. */
  readonly svg: string;
  /** Other names of the icon, in kebab case. */
  readonly aliases: readonly string[];
  readonly tags: readonly string[];
}

export function iconSymbol(icon: Icon): SourceSymbol {
  const title = dashesToSpaces(icon.name);
  const item: Item = {
    id: `${icon.set}:${icon.name}`,
    title,
    set: icon.set,
    kind: "icon",
    category: icon.category.toLowerCase(),
    glyph: null,
    svg: icon.svg,
  };
  return {
    item,
    words: [
      { query: title, locale: "en", source: "title" },
      ...icon.aliases.map((alias) => ({ query: dashesToSpaces(alias), locale: "en", source: "name" }) as const),
      ...icon.tags.map((query) => ({ query, locale: "en", source: "tag" }) as const),
    ],
  };
}
