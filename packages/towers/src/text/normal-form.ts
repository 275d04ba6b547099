import { normalizeText, words } from "./tokenizer.ts";

/** What two spellings of one text have in common: its words. Of a text without words, the text in lower case. */
export function normalForm(text: string): string {
  const found = words(text, Infinity);
  return found.length > 0 ? found.join(" ") : normalizeText(text).trim();
}
