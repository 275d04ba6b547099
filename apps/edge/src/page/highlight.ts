/** Marks the words of a title that a query matched. */
import { normalForm } from "@poeem/towers";

/** A letter or digit with its marks, or a sign that may be a term or a part of one: a picture, the end of "c++". */
const UNIT = /[\p{L}\p{N}\p{S}#]\p{M}*/gu;
/** Writings without blanks, whose terms are parts of a run. */
const RUNS = ["Han", "Hiragana", "Katakana", "Hangul", "Thai", "Lao", "Khmer", "Myanmar"]
  .map((script) => `\\p{Script=${script}}`)
  .join("");
const IS_RUN = new RegExp(`^[${RUNS}\u30fc]`, "u");

/** Beside a sign or a part of a run, a term may begin and end. */
const isLetter = (unit: string): boolean => /^[\p{L}\p{N}]/u.test(unit) && !IS_RUN.test(unit);
/** Letters and digits of a code are terms of their own, too. */
const isDigit = (unit: string): boolean => /^\p{N}/u.test(unit);

/**
 * A text as nodes: what was matched in `<mark>`, the rest as text. Case, accents and punctuation do not count, so the
 * term "ab1234x" is found in "AB-1234-X".
 *
 * @param matched terms, as the index spells them
 */
export function highlighted(text: string, matched: readonly string[]): Node[] {
  const spans = matchedSpans(text, matched);
  const nodes: Node[] = [];
  let at = 0;
  for (const [start, end] of spans) {
    if (start > at) nodes.push(document.createTextNode(text.slice(at, start)));
    const mark = document.createElement("mark");
    mark.textContent = text.slice(start, end);
    nodes.push(mark);
    at = end;
  }
  if (at < text.length) nodes.push(document.createTextNode(text.slice(at)));
  return nodes;
}

/** Where terms stand in a text, ascending and apart: start and end of each. */
export function matchedSpans(text: string, matched: readonly string[]): (readonly [start: number, end: number])[] {
  const units = Array.from(text.matchAll(UNIT), ({ 0: unit, index }) => ({ unit, index, end: index + unit.length }));
  // The text as terms are spelled, without what stands between letters; and the unit of each character of that.
  let plain = "";
  const unitAt: number[] = [];
  for (const [i, { unit }] of units.entries()) {
    const spelled = normalForm(unit).replaceAll(" ", "");
    plain += spelled;
    for (let c = 0; c < spelled.length; c++) unitAt.push(i);
  }
  const isBorder = (at: number): boolean => {
    const [before, after] = [units[unitAt[at - 1] ?? -1], units[unitAt[at] ?? -1]];
    if (before === undefined || after === undefined || before.end !== after.index) return true;
    const areLetters = isLetter(before.unit) && isLetter(after.unit);
    return !areLetters || isDigit(before.unit) !== isDigit(after.unit);
  };
  const isMatched = new Uint8Array(units.length);
  for (const term of matched) {
    if (term === "") continue;
    for (let at = plain.indexOf(term); at >= 0; at = plain.indexOf(term, at + 1)) {
      if (isBorder(at) && isBorder(at + term.length)) isMatched.fill(1, unitAt[at], unitAt[at + term.length - 1]! + 1);
    }
  }
  const spans: [number, number][] = [];
  for (const [i, { index, end }] of units.entries()) {
    if (isMatched[i] === 0) continue;
    const last = spans.at(-1);
    // One span for what has no blank between: "AB-1234-X" is one code.
    if (last && isMatched[i - 1] === 1 && !/\s/.test(text.slice(last[1], index))) last[1] = end;
    else spans.push([index, end]);
  }
  return spans;
}
