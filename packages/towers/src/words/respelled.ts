import { nameForm } from "../text/terms.ts";

const WORD = /[\p{L}\p{N}\p{M}]+/gu;

/** A text with some of its words, given by their plain spelling, written otherwise. */
export function respelled(text: string, meant: ReadonlyMap<string, string>): string {
  return text.replace(WORD, (word) => meant.get(nameForm(word)) ?? word);
}
