import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { indexTerms, nameForm, nameHash, TERM_RULES, words } from "../src/index.ts";
import { askedOf } from "../src/text/text-query.ts";
import { texts } from "./texts.ts";

describe("terms", () => {
  it.each([
    ["Gâteau STRASSE", ["gateau", "strasse"]],
    ["AB-1234-X", ["ab", "1234", "x", "ab1234x"]],
    ["AB1234X", ["ab1234x", "ab", "1234"]],
    ["ab-1234x", ["ab", "1234x", "1234", "ab1234x"]],
    ["AB 1234 x", ["ab", "1234", "x", "ab1234x"]],
    [
      "the AB-1234 X. 1234. A 500 blue",
      ["the", "ab", "1234", "ab1234", "x", "1234", "a", "500", "blue", "ab1234x", "a500"],
    ],
    ["KX‑4821–B", ["kx", "4821", "b", "kx4821b"]],
    ["WX/88.12", ["wx", "88", "12", "wx8812"]],
    ["3.5mm 1/2 19.99", ["3", "5mm", "mm", "1", "2", "19", "99"]],
    ["型号AB-1234黑", ["型号", "型", "号", "ab", "1234", "ab1234", "黑"]],
    ["2024-01-15 1-2", ["2024", "01", "15", "20240115", "1", "2"]],
    ["wi-fi c++ C#", ["wi", "fi", "wifi", "c++", "c#"]],
    ["CHY-VXN and/or a-b", ["chy", "vxn", "chyvxn", "and", "or", "a", "b"]],
    ["0 519 969 574", ["0", "519", "969", "574", "0519969574", "519969574"]],
    ["402.101.72 2501/384", ["402", "101", "72", "40210172", "2501", "384", "2501384"]],
    ["(872) 461-3034", ["872", "461", "3034", "4613034", "8724613034"]],
    ["5K5 590 816 T", ["5k5", "590", "816", "t", "5k5590816", "5k5590816t"]],
    ["7 519 969 574 A", ["7", "519", "969", "574", "a", ..."7519969574 7519969574a 519969574 519969574a".split(" ")]],
    ["135/40 R21", ["135", "40", "13540", "r21", "21", "13540r21"]],
    ["2 x 500 ml, 10 20", ["2", "x", "500", "ml", "10", "20", "x500ml"]],
    ["生日蛋糕", ["生日蛋糕", "生日", "日蛋", "蛋糕", "生", "日", "蛋", "糕"]],
    ["茶 빵 か", ["茶", "빵", "か"]],
    ["마스크를", ["마스크를", "마스", "스크", "크를"]],
    ["แดงสวย ชา", ["แดงสวย", "แดง", "ดงส", "งสว", "สวย", "วย", "ชา"]],
    ["🎂 1️⃣", ["🎂", "1", "1⃣"]],
    ["", []],
  ])("of %j", (text, expected) => expect(indexTerms(text)).toEqual(expected));

  it("of a question are characters of Han beside pairs, as many as are looked up", () => {
    const termsOf = (text: string) => askedOf(text).words.map(({ term }) => term);
    expect(termsOf("生日蛋糕")).toEqual(["生日", "日蛋", "蛋糕", "生", "日", "蛋", "糕"]);
    expect(termsOf("마스크")).toEqual(["마스", "스크"]);
    expect(termsOf("ケーキ")).toEqual(["ケー", "ーキ"]);
    const run = (from: number): string => String.fromCodePoint(...Array.from({ length: 30 }, (_, i) => from + i));
    expect(termsOf(`${run(0x4e00)} ${run(0x5e00)}`)).toHaveLength(64);
  });

  it("by rules 1 are for good what they were", () => {
    const file = new URL(`../fixtures/terms-v${TERM_RULES}.json`, import.meta.url);
    for (const { text, name, terms } of JSON.parse(readFileSync(file, "utf8"))) {
      expect(indexTerms(text), JSON.stringify(text)).toEqual(terms);
      expect(nameForm(text)).toBe(name);
    }
  });

  it("of any text hold no blank, are short, well formed, and the same in any composition", () => {
    for (const text of texts(1200, 21)) {
      const terms = indexTerms(text);
      expect(indexTerms(text.normalize("NFD")), JSON.stringify(text)).toEqual(terms);
      for (const term of terms) expect(term, JSON.stringify(text)).toMatch(/^\S{1,64}$/);
      expect(() => encodeURIComponent(terms.join())).not.toThrow();
      expect(terms.length === 0).toBe(words(text, Infinity).length === 0);
    }
  });

  it("of two texts with a comma between them are those of both", () => {
    const right = texts(1000, 23);
    for (const a of texts(1000, 22)) {
      const b = right.next().value!;
      expect(indexTerms(`${a} , ${b}`).sort(), JSON.stringify([a, b])).toEqual(
        [...indexTerms(a), ...indexTerms(b)].sort(),
      );
    }
  });
});

describe("a name", () => {
  it.each([
    ["AB-1234 x", "ab1234X"],
    ["Gâteau  d’Anniversaire!", "gateau danniversaire"],
    ["生日 蛋糕", "生日蛋糕"],
    ["€", " €"],
  ])("of %j is that of %j", (a, b) => {
    expect(nameForm(a)).toBe(nameForm(b));
    expect(nameHash(a)).toBe(nameHash(b));
  });

  it("is one more when letters, digits or signs are others", () => {
    const names = ["C++", "C#", "C", "€", "$", "AB-1234", "AB-1243", "🇫🇷", "🇩🇪"];
    expect(new Set(names.map(nameHash)).size).toBe(names.length);
  });

  it("is none where nothing is to be seen", () => expect(nameHash(" \u200d\ufe0f ")).toBeUndefined());
});
