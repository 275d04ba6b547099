/** From the words of a text to the terms of an index that would do for them. */
import type { Alternative, WordQuery, Words } from "@poeem/pq-core/words";
import type { Asked, AskedCode } from "../text/text-query.ts";

/** A word with which something else may have been meant: one that no item has, or that may be unfinished. */
export interface Uncertain {
  readonly word: string;
  /** Whether items have it as it is. */
  readonly isKnown: boolean;
  /** What may have been meant, the most alike first. */
  readonly terms: readonly Alternative[];
}

/** What the words of a text stand for. */
export interface FoundWords {
  readonly words: WordQuery["words"];
  readonly uncertain: readonly Uncertain[];
}

/** Terms that would do for an unknown word, at most. */
export const MOST_NEAR = 16;
/** Beside a known word, more than its other forms and what is less like it add nothing but lists to read. */
export const MOST_BESIDE = 6;
export const LEAST_LIKE = 0.2;
const MOST_COMPLETIONS = 16;
/** Completions of a last word that is itself a term, where all else is known; and what each is worth beside it. */
const MOST_FOR_KNOWN = 8;
const KNOWN_COMPLETED = 0.5;
/** Those of them that the query vector leans to: each costs as much as the text itself. */
const MOST_EMBEDDED = 1;
/** What the beginning of a code, or of a run without blanks, is worth. */
const BEGINNING = 0.9;
/** A code that is written apart has its longest number. */
const WRITTEN_APART = 0.5;
/** Shorter beginnings of codes say nothing. */
const MIN_BEGINNING = 3;

const HAS_DIGIT = /[0-9]/;

/**
 * Looks up words. Each stands for itself and for terms with much the same letters. An unknown one also stands for those
 * one edit away, and a last one for those that begin with it; what is most like an unknown word is worth as much as the
 * word itself would be (docs/experiments/words.md has the figures). A word with digits means nothing but itself. Of
 * neighbours that make a code, each stands for the code, and the code is asked for as well.
 *
 * @param isOpen whether the last word may be unfinished
 */
export function alternativesOf({ words: asked, codes, last }: Asked, isOpen: boolean, words: Words): FoundWords {
  const found = asked.map(({ term }) => {
    const own: Meant = new Map();
    // itself comes first
    if (words.count(term) > 0) add(own, term, 1);
    return own;
  });
  const known: AskedCode[] = [];
  const inCode = new Set<number>();
  for (const code of codes) {
    const isKnown = words.count(code.term) > 0;
    if (isKnown) known.push(code);
    const hasDigit = HAS_DIGIT.test(code.term);
    const terms = isKnown ? [code.term] : hasDigit ? beginningWith(code.term, words) : [];
    for (const at of code.words) {
      for (const term of terms) add(found[at]!, term, isKnown ? 1 : BEGINNING);
      if (isKnown && hasDigit) inCode.add(at);
    }
  }
  const uncertain: Uncertain[] = [];
  for (const [at, { term, isSpelled }] of asked.entries()) {
    const own = found[at]!;
    const isKnown = own.has(term);
    if (!isSpelled) {
      if (!isKnown) for (const longer of words.completions(term, MOST_COMPLETIONS)) add(own, longer, BEGINNING);
      continue;
    }
    const isCode = HAS_DIGIT.test(term) || inCode.has(at);
    const meant: Meant = new Map();
    if (!isCode)
      for (const { term: near, likeness, isEdit } of isKnown
        ? words.near(term, MOST_BESIDE, false, LEAST_LIKE)
        : words.near(term, MOST_NEAR, true))
        add(meant, near, likeness, isEdit ? 1 - 1 / term.length : likeness);
    if (!isKnown && isOpen && at === last && !inCode.has(at))
      for (const longer of words.completions(term, MOST_COMPLETIONS))
        add(meant, longer, 1, term.length / longer.length);
    const scale = isKnown ? 1 : 1 / Math.max(...Array.from(meant.values(), ({ likeness }) => likeness));
    for (const [near, { likeness, certainty }] of meant) add(own, near, likeness * scale, certainty);
    if (!isKnown && meant.size > 0 && !isCode) uncertain.push({ word: term, isKnown, terms: byLikeness(meant) });
  }
  const end = isOpen ? asked[last] : undefined;
  // beside a misspelt word, what else the last one might become would only add noise
  if (end?.isSpelled && uncertain.length === 0 && found[last]!.has(end.term) && !inCode.has(last)) {
    const longer = words.completions(end.term, MOST_FOR_KNOWN + 1).filter((term) => term !== end.term);
    for (const term of longer) add(found[last]!, term, KNOWN_COMPLETED, end.term.length / term.length);
    const terms = longer.slice(0, MOST_EMBEDDED).map((term) => ({ term, likeness: KNOWN_COMPLETED }));
    if (terms.length > 0 && !HAS_DIGIT.test(end.term)) uncertain.push({ word: end.term, isKnown: true, terms });
  }
  const lists = found.map((own) => Array.from(own, ([term, worth]) => ({ term, ...worth })));
  return { words: [...lists, ...codesAsked(known, asked)].map((alternatives) => ({ alternatives })), uncertain };
}

/** Known terms that begin with a code. */
export function beginningWith(code: string, words: Words): readonly string[] {
  return code.length < MIN_BEGINNING ? [] : words.completions(code, MOST_COMPLETIONS);
}

/** Known codes as words of their own, the longest: the letters of a code alone are those of many others. */
function* codesAsked(known: readonly AskedCode[], asked: Asked["words"]): Generator<Alternative[]> {
  for (const { term, words, isLong } of known) {
    const isPart = known.some(
      (other) => other.words.length > words.length && words.every((at) => other.words.includes(at)),
    );
    if (!isLong || isPart) continue;
    const [number] = words
      .map((at) => asked[at]!.term)
      .filter((part) => HAS_DIGIT.test(part))
      .sort((a, b) => b.length - a.length);
    yield [{ term, likeness: 1 }, ...(number === undefined ? [] : [{ term: number, likeness: WRITTEN_APART }])];
  }
}

/** Term → what it is worth, and how sure it is that it was meant. */
type Meant = Map<string, { readonly likeness: number; readonly certainty: number }>;

function byLikeness(terms: Meant): Alternative[] {
  return Array.from(terms, ([term, { likeness }]) => ({ term, likeness })).sort((a, b) => b.likeness - a.likeness);
}

/** What a term is worth for one reason or another is the most that it is worth for any. */
function add(to: Meant, term: string, likeness: number, certainty = likeness): void {
  const before = to.get(term) ?? { likeness: 0, certainty: 0 };
  to.set(term, {
    likeness: Math.max(before.likeness, likeness),
    certainty: Math.max(before.certainty, certainty),
  });
}
