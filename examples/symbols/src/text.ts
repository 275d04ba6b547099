/**
 * The one form in which a query is stored: NFC, lower case, white space collapsed and trimmed.
 *
 * NFC and not NFKC: compatibility folding would merge symbols that people look for apart (ℓ and l, ² and 2).
 * Lower-casing can leave NFC (İ becomes i and a combining dot), so NFC comes last; that makes it idempotent.
 */
export function normalizeQuery(text: string): string {
  return text.normalize("NFC").toLowerCase().normalize("NFC").replace(/\s+/gu, " ").trim();
}

/** Icon names are identifiers: `arrow-left` is read as `arrow left`. */
export function dashesToSpaces(name: string): string {
  return name.replace(/-+/g, " ").trim();
}

/** Order by UTF-16 code units: the same on every machine, whatever its locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
