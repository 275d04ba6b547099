import { codePointName, isEmoji } from "../glyph.ts";
import { locales } from "../locales.ts";
import type { SourceSymbol } from "../symbol.ts";

const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
const regionalIndicatorA = 0x1f1e6;

/**
 * Flags of countries and territories. CLDR derives their names from its list of territories, and so do we: the
 * engine's `Intl.DisplayNames` carries that same CLDR data, which saves a package of 168 locales.
 */
export function readFlags(): SourceSymbol[] {
  const names = locales.map((locale) => ({
    locale,
    regions: new Intl.DisplayNames(locale, { type: "region", fallback: "none" }),
  }));
  const english = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
  return letters
    .flatMap((first) => letters.map((second) => first + second))
    .flatMap((region) => {
      const glyph = String.fromCodePoint(...[...region].map((c) => regionalIndicatorA + letters.indexOf(c)));
      const name = isEmoji(glyph) ? english.of(region) : undefined;
      if (name === undefined) return [];
      const title = `flag: ${name}`;
      const words = names.flatMap(({ locale, regions }) => {
        const query = regions.of(region);
        return query === undefined ? [] : [{ query, locale, source: "name" } as const];
      });
      return [
        {
          item: {
            id: `emoji:${codePointName(glyph)}`,
            title,
            set: "emoji",
            kind: "emoji",
            category: "flags",
            glyph,
            svg: null,
          },
          words: [
            { query: title, locale: "en", source: "title" },
            { query: `${name} flag`, locale: "en", source: "keyword" },
            ...words,
          ],
        } satisfies SourceSymbol,
      ];
    });
}
