/** Which characters of a title are marked. */
import { normalForm } from "@poeem/towers";
import { expect, it } from "vitest";
import { matchedSpans } from "../src/page/highlight.ts";

/** The text with what is marked in brackets. */
function marked(text: string, ...matched: string[]): string {
  let at = 0;
  let out = "";
  for (const [start, end] of matchedSpans(text, matched)) {
    out += `${text.slice(at, start)}[${text.slice(start, end)}]`;
    at = end;
  }
  return out + text.slice(at);
}

it.each([
  ["Birthday Cake", ["cake", "birthday"], "[Birthday] [Cake]"],
  ["shortcake", ["cake"], "shortcake"],
  ["cake, cakes and CAKE", ["cake"], "[cake], cakes and [CAKE]"],
  ["Gâteau d’anniversaire", ["gateau"], "[Gâteau] d’anniversaire"],
  ["Ga\u0302teau", ["gateau"], "[Ga\u0302teau]"],
  ["Große Straße", ["strasse"], "Große [Straße]"],
  ["Drill AB-1234-X, 18 V", ["ab1234x", "1234"], "Drill [AB-1234-X], 18 V"],
  ["Drill AB-1234-X", ["1234"], "Drill AB-[1234]-X"],
  ["Drill ab1234x", ["1234"], "Drill ab[1234]x"],
  ["誕生日ケーキ", ["生日"], "誕[生日]ケーキ"],
  ["🎂 cake", ["🎂"], "[🎂] cake"],
  ["<b>cake</b>", ["b"], "<[b]>cake</[b]>"],
  ["C++ and C#, not C", ["c++", "c#"], "[C++] and [C#], not C"],
  ["cake", [], "cake"],
  ["cake", [""], "cake"],
  ["", ["cake"], ""],
])("%j with %j", (text, matched, expected) => {
  expect(marked(text, ...matched)).toBe(expected);
});

it("marks every word of a text by its own normal form, and leaves each character where it was", () => {
  for (const text of ["Zażółć gęślą jaźń", "ΑΒΓ άλφα", "Ёлка и ёж", "حبّ القهوة", "한국어 검색", "बारिश का मौसम"]) {
    const spans = matchedSpans(text, normalForm(text).split(" "));
    const left = spans.reduceRight((rest, [start, end]) => rest.slice(0, start) + rest.slice(end), text);
    expect(left.trim(), text).toBe("");
  }
});
