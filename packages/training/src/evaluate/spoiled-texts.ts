/** Queries as people type them: with a slip, and before they are finished. Both leave most queries' words alone. */
import { Random } from "@poeem/indexing-layer";
import { fnv1a32, normalForm } from "@poeem/towers";

/** Letters of a word whose slips are measured: in a shorter one, a slip often is another word. */
const LEAST_LETTERS = 5;
/** Edits drawn for one text: a search may read over most that a word can have. */
const MOST_TRIES = 100;
/** Share of the last word that is left of it. */
const KEPT = 0.6;

const RUNS = /[\p{L}\p{M}\p{N}]+/gu;
/** Letters and their marks, no digits. */
const LETTERS_ALONE = /^(?:\p{L}\p{M}*)+$/u;
const LATIN = /^[\p{Script=Latin}\p{M}]+$/u;
const LATIN_LETTERS = Array.from("abcdefghijklmnopqrstuvwxyz");

interface Run {
  readonly word: string;
  readonly start: number;
}

/** Letters are counted as a search reads them: it reads none in a row of tatweels. */
const isLong = ({ word }: Run): boolean =>
  LETTERS_ALONE.test(word) && (normalForm(word).match(/\p{L}/gu)?.length ?? 0) >= LEAST_LETTERS;

const runsOf = (text: string): Run[] =>
  Array.from(text.matchAll(RUNS), ({ 0: word, index: start }) => ({ word, start }));

/**
 * The text with one edit in one of its words of five or more letters: a letter more, less or another, or two that
 * changed places. Its words, as a search reads them, are others than before. Which edit it is follows from text and
 * seed.
 *
 * @returns undefined for a text without such a word, or where no edit that was drawn makes other words of it
 */
export function withOneEdit(text: string, seed: number): string | undefined {
  const long = runsOf(text).filter(isLong);
  if (long.length === 0) return undefined;
  const random = new Random(seed ^ fnv1a32(text));
  const { word, start } = long[random.integer(long.length)]!;
  const letters = Array.from(word);
  const others = LATIN.test(word) ? LATIN_LETTERS : letters;
  const before = normalForm(text);
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const edited = edit(letters, others, random);
    const whole = text.slice(0, start) + edited + text.slice(start + word.length);
    if (edited !== word && normalForm(whole) !== before) return whole;
  }
  return undefined;
}

function edit(letters: readonly string[], others: readonly string[], random: Random): string {
  const kind = random.integer(4);
  const other = others[random.integer(others.length)]!;
  if (kind === 0) return letters.toSpliced(random.integer(letters.length + 1), 0, other).join("");
  if (kind === 1) return letters.toSpliced(random.integer(letters.length), 1).join("");
  if (kind === 2) return letters.with(random.integer(letters.length), other).join("");
  const at = random.integer(letters.length - 1);
  return letters.toSpliced(at, 2, letters[at + 1]!, letters[at]!).join("");
}

/**
 * The text as far as it is typed when 60 % of its last word is, to the nearest letter.
 *
 * @returns undefined for a text whose last word does not have five letters
 */
export function withLastWordCut(text: string): string | undefined {
  const last = runsOf(text).at(-1);
  if (last === undefined || !isLong(last)) return undefined;
  const letters = last.word.match(/\p{L}\p{M}*/gu)!;
  return text.slice(0, last.start) + letters.slice(0, Math.round(KEPT * letters.length)).join("");
}
