import { describe, expect, it } from "vitest";
import { TextList } from "../src/data/text-list.ts";

const TEXTS = ["", "a", "größer", "日本", "𝄞 clef", "nul \0 in it", "a"];

describe("TextList", () => {
  it("gives back what it was made of, by number and in order", () => {
    const list = new TextList(TEXTS);
    expect([...list]).toEqual(TEXTS);
    for (const index of [-8, -7, -1, 0, 3, 6, 7, 0.5, Number.NaN])
      expect(list.at(index), `${index}`).toBe(TEXTS.at(index));
    expect(list.length).toBe(TEXTS.length);
    expect([...new TextList(list)]).toEqual(TEXTS);
    expect([...new TextList([])]).toEqual([]);
  });
});
