/** What quotes and minuses ask of an item, as terms. */
import type { Asked } from "../text/text-query.ts";

/** Each word of a phrase, or a code that has it. */
export function termsRequired({ words, codes }: Asked): string[][] {
  return words.map(({ term }, at) => [
    term,
    ...codes.filter((code) => code.words.includes(at)).map((code) => code.term),
  ]);
}

/** All words of what is to be left out, or a code that they are. */
export function termsExcluded({ words, codes }: Asked): string[][] {
  const whole = codes.filter((code) => code.words.length === words.length);
  return [words.map(({ term }) => term), ...whole.map(({ term }) => [term])];
}
