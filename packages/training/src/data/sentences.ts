// White space and marks that end a sentence in every script, where ICU's rules need what follows to be sure.
const LINES = /[\n\r\u2028\u2029;；。．｡！？।؟۔…]+/u;
const WORD = /[\p{L}\p{N}]/u;
// ICU wants a capital to follow, which not everybody writes; a stop behind so few letters is that of an abbreviation.
const STOP = /(?<=[\p{L}\p{N}]{3}[.!?])\s+/u;

const SENTENCES = new Intl.Segmenter("und", { granularity: "sentence" });

/** The sentences of a text that have a word or a number: a line, and what a semicolon ends, is one at most. */
export function sentencesOf(text: string): string[] {
  return text
    .split(LINES)
    .flatMap((line) => Array.from(SENTENCES.segment(line), ({ segment }) => segment))
    .flatMap((sentence) => sentence.trim().split(STOP))
    .filter((sentence) => WORD.test(sentence));
}
