import { Random } from "@poeem/indexing-layer";
import { normalForm } from "@poeem/towers";
import { describe, expect, it } from "vitest";
import { withLastWordCut, withOneEdit } from "../src/evaluate/spoiled-texts.ts";

/** Letters more, less or other, and neighbours that changed places, at least (Damerau; no letter twice). */
function edits(a: readonly string[], b: readonly string[]): number {
  const table = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0)),
  );
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      table[i]![j] = Math.min(
        table[i - 1]![j]! + 1,
        table[i]![j - 1]! + 1,
        table[i - 1]![j - 1]! + same,
        swapped ? table[i - 2]![j - 2]! + 1 : Infinity,
      );
    }
  }
  return table[a.length]![b.length]!;
}

const WORDS = [
  "red",
  "Lampe",
  "größer",
  "naïve",
  "мебель",
  "διαδρομή",
  "कुर्सियाँ",
  "sofa",
  "aaaaa",
  "ab-1234",
  "x2000y",
  "lights",
];
const random = new Random(6);
const TEXTS = Array.from({ length: 300 }, () =>
  Array.from({ length: 1 + random.integer(4) }, () => WORDS[random.integer(WORDS.length)]!).join(
    [" ", ", ", "  "][random.integer(3)],
  ),
);
const letters = (word: string): number => word.match(/\p{L}/gu)?.length ?? 0;
const LONG = WORDS.filter((word) => letters(word) >= 5 && !/[\p{N}-]/u.test(word));

describe("a query with a slip", () => {
  it("has exactly one edit, in a word of five letters or more, and other words than before", () => {
    let spoiled = 0;
    for (const text of TEXTS) {
      const edited = withOneEdit(text, 3);
      expect(edited !== undefined).toBe(LONG.some((word) => text.includes(word)));
      if (edited === undefined) continue;
      spoiled++;
      expect(edits(Array.from(text), Array.from(edited))).toBe(1);
      expect(normalForm(edited)).not.toBe(normalForm(text));
      // everything but one long word is as it was
      const rest = text.split(/(?=[, ])|(?<=[, ])/);
      const kept = edited.split(/(?=[, ])|(?<=[, ])/);
      expect(kept).toHaveLength(rest.length);
      const changed = rest.filter((part, i) => kept[i] !== part);
      expect(changed).toHaveLength(1);
      expect(LONG).toContain(changed[0]);
    }
    expect(spoiled).toBeGreaterThan(150);
  });

  it("has the same one whenever it is asked with one seed, whatever stands before it, and others with others", () => {
    const once = TEXTS.map((text) => withOneEdit(text, 3));
    expect(TEXTS.toReversed().map((text) => withOneEdit(text, 3))).toEqual(once.toReversed());
    expect(TEXTS.map((text) => withOneEdit(text, 4))).not.toEqual(once);
  });

  it("takes letters of all four kinds of slips, of its own alphabet", () => {
    const kinds = new Set<number>();
    for (let seed = 0; seed < 60; seed++) {
      const edited = withOneEdit("мебель", seed)!;
      expect(edited).toMatch(/^\p{Script=Cyrillic}+$/u);
      kinds.add(edited.length - 6);
      if (edited.length === 6)
        kinds.add(Array.from(edited).sort().join("") === Array.from("мебель").sort().join("") ? 2 : 3);
    }
    // a letter less, another one or two that changed places, one more; the last two told apart
    expect([...kinds].toSorted((a, b) => a - b)).toEqual([-1, 0, 1, 2, 3]);
  });
});

describe("letters that a search reads over", () => {
  const tatweels = "\u0640".repeat(6);

  it("are no long word, to slip in or to cut", () => {
    for (const text of [tatweels, `red ${tatweels}`]) {
      expect(withOneEdit(text, 3)).toBeUndefined();
      expect(withLastWordCut(text)).toBeUndefined();
    }
    for (let seed = 0; seed < 20; seed++)
      expect(normalForm(withOneEdit(`lights ${tatweels}`, seed)!)).not.toBe(normalForm("lights"));
  });
});

describe("a query that is not finished", () => {
  it.each([
    ["red lights", "red ligh"],
    ["Lampe", "Lam"],
    ["lamp, mirrors!", "lamp, mirr"],
    ["table", "tab"],
    ["naïve", "naï"],
    ["exceptional", "excepti"],
  ])("%j is %j: 60 %% of its last word, to the nearest letter", (text, cut) => {
    expect(withLastWordCut(text)).toBe(cut);
  });

  it("is one whose last word has five letters", () => {
    for (const text of ["red", "", "lights on", "mirror x2000y", "lights ab-1234", "!?"])
      expect(withLastWordCut(text)).toBeUndefined();
  });

  it("keeps a letter and its marks together", () => {
    const word = "विश्वविद्यालय";
    const cut = withLastWordCut(`red ${word}`)!.slice(4);
    expect(word.startsWith(cut)).toBe(true);
    expect(letters(cut)).toBe(Math.round(0.6 * letters(word)));
    expect(word.slice(cut.length)).toMatch(/^\p{L}/u);
  });
});
