/** From the words of a text to the terms of an index that would do for them. */
import type { Alternative, WordQuery, Words } from "@poeem/pq-core/words";
import type { Asked, AskedCode } from "../text/text-query.ts";

/** A word that no item has, and terms that may have been meant. */
export interface Unknown {
  readonly word: string;
  /** `prior`: how likely each was meant beside the others. */
  readonly terms: readonly { readonly term: string; readonly prior: number }[];
}

export interface FoundWords {
  readonly words: WordQuery["words"];
  readonly unknown: readonly Unknown[];
}

/** Terms that would do for one word, at most. */
const MOST_NEAR = 16;
const MOST_COMPLETIONS = 16;
/** Completions of a last word that is itself a term; typing may have come to its end. */
const MOST_FOR_KNOWN = 0;
/** What the beginning of a code, or of a run without blanks, is worth. */
const BEGINNING = 0.9;
/** A completion is worth the share of it that was typed; that of one letter not nothing. */
const MIN_TYPED = 0.3;
/** A code that is written apart has its longest number. */
const WRITTEN_APART = 0.5;
/** Shorter beginnings of codes say nothing. */
const MIN_BEGINNING = 3;

const HAS_DIGIT = /[0-9]/;

/**
 * Looks up words. Each stands for itself and for terms with much the same letters; an unknown one also for those one
 * edit away, and an unknown last one for those that begin with it. A word with digits means nothing but itself. Of
 * neighbours that make a code, each stands for the code, and the code is asked for as well.
 *
 * @param isOpen whether the last word may be unfinished
 */
export function alternativesOf({ words: asked, codes, last }: Asked, isOpen: boolean, words: Words): FoundWords {
  const found = asked.map(({ term }) => {
    const own = new Map<string, number>();
    // itself comes first
    if (words.count(term) > 0) own.set(term, 1);
    return own;
  });
  const known: AskedCode[] = [];
  const inCode = new Set<number>();
  for (const code of codes) {
    const isKnown = words.count(code.term) > 0;
    if (isKnown) known.push(code);
    const terms = isKnown ? [code.term] : beginningWith(code.term, words);
    for (const at of code.words) {
      for (const term of terms) add(found[at]!, term, isKnown ? 1 : BEGINNING);
      if (isKnown) inCode.add(at);
    }
  }
  const unknown: Unknown[] = [];
  for (const [at, { term, isSpelled }] of asked.entries()) {
    const own = found[at]!;
    const isKnown = own.has(term);
    if (!isSpelled) {
      if (!isKnown) for (const longer of words.completions(term, MOST_COMPLETIONS)) add(own, longer, BEGINNING);
      continue;
    }
    const meant = new Map<string, number>();
    if (!HAS_DIGIT.test(term) && !inCode.has(at))
      for (const { term: near, likeness } of words.near(term, MOST_NEAR, !isKnown)) add(meant, near, likeness);
    if (isOpen && at === last && !inCode.has(at))
      for (const longer of words.completions(term, isKnown ? MOST_FOR_KNOWN : MOST_COMPLETIONS))
        add(meant, longer, Math.max(MIN_TYPED, term.length / longer.length));
    for (const [near, likeness] of meant) add(own, near, likeness);
    if (!isKnown && meant.size > 0 && !HAS_DIGIT.test(term)) {
      const terms = Array.from(meant, ([near, likeness]) => ({ term: near, prior: words.count(near) * likeness }));
      unknown.push({ word: term, terms: terms.sort((a, b) => b.prior - a.prior) });
    }
  }
  const lists = found.map((own) => Array.from(own, ([term, likeness]) => ({ term, likeness })));
  return { words: [...lists, ...codesAsked(known, asked)].map((alternatives) => ({ alternatives })), unknown };
}

function beginningWith(code: string, words: Words): readonly string[] {
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

function add(to: Map<string, number>, term: string, likeness: number): void {
  if ((to.get(term) ?? 0) < likeness) to.set(term, likeness);
}
