import { codePointName, qualifyEmoji } from "../glyph.ts";
import { locales } from "../locales.ts";
import { readPackageJson } from "../packages.ts";
import type { Item, SourceSymbol } from "../symbol.ts";

/** `annotations[glyph]`: `tts` is the name read aloud (zero or one entry), `default` are the keywords. */
interface AnnotationsFile {
  readonly annotations: {
    readonly annotations: Readonly<Record<string, { readonly default?: string[]; readonly tts?: string[] }>>;
  };
}

/** Emoji, and characters such as € or ∑, with CLDR's names and keywords in every chosen locale. */
export function readCldr(): SourceSymbol[] {
  const byLocale = locales.map((locale) => ({ locale, annotations: readAnnotations(locale) }));
  const english = readAnnotations("en");
  return Object.keys(english).flatMap((key) => {
    const title = english[key]?.tts?.[0];
    // Skin tone swatches (🏻 to 🏿) modify other emoji and mean nothing alone.
    if (title === undefined || /^\p{Emoji_Modifier}$/u.test(key)) return [];
    const words = byLocale.flatMap(({ locale, annotations }) => [
      ...(annotations[key]?.tts ?? []).map(
        (query) => ({ query, locale, source: locale === "en" ? "title" : "name" }) as const,
      ),
      ...(annotations[key]?.default ?? []).map((query) => ({ query, locale, source: "keyword" }) as const),
    ]);
    return [{ item: toItem(key, title), words }];
  });
}

function readAnnotations(locale: string): AnnotationsFile["annotations"]["annotations"] {
  return readPackageJson<AnnotationsFile>("cldr-annotations-full", `annotations/${locale}/annotations.json`).annotations
    .annotations;
}

function toItem(key: string, title: string): Item {
  const emoji = qualifyEmoji(key);
  const glyph = emoji ?? key;
  const kind = emoji === null ? "character" : "emoji";
  return {
    id: `${kind}:${codePointName(glyph)}`,
    title,
    set: kind,
    kind,
    category: categoryOf(glyph, kind),
    glyph,
    svg: null,
  };
}

/** CLDR's annotations carry no groups, so only what Unicode's character properties say for certain. */
function categoryOf(glyph: string, kind: "emoji" | "character"): string {
  if (kind === "emoji") return /\p{Emoji_Modifier_Base}/u.test(glyph) ? "people" : "";
  if (/^\p{Currency_Symbol}/u.test(glyph)) return "currency";
  if (/^\p{Math}/u.test(glyph)) return "math";
  return /^\p{Punctuation}/u.test(glyph) ? "punctuation" : "";
}
