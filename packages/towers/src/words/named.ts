/** Items that are called what was typed. */
import type { Index, Item } from "@poeem/pq-core";
import type { Words } from "@poeem/pq-core/words";
import { nameForm, nameHash } from "../text/terms.ts";
import { visibleText } from "../text/visible-text.ts";

/** Items whose names are read; of more, the hash is believed. */
const MOST_READ = 64;

/**
 * Ordinals of the items whose id or title is the text, ascending.
 *
 * @param isLiteral whether punctuation counts
 */
export async function namedItems(index: Index, words: Words, text: string, isLiteral: boolean): Promise<Uint32Array> {
  const hash = nameHash(text);
  const ordinals = hash === undefined ? new Uint32Array(0) : words.named(hash);
  if (ordinals.length === 0) return ordinals;
  const form = isLiteral ? literalForm : nameForm;
  const wanted = form(text);
  const items = await index.items(ordinals.subarray(0, MOST_READ));
  return ordinals.filter((_, i) => i >= MOST_READ || namesOf(items[i]!).some((name) => form(name) === wanted));
}

function namesOf({ id, fields }: Item): string[] {
  return [String(id), ...[fields?.["title"] ?? []].flat().map(String)];
}

function literalForm(text: string): string {
  return visibleText(text).trim().replace(/\s+/g, " ");
}
