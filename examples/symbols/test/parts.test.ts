import { describe, expect, it } from "vitest";
import { joinSources } from "../src/dataset.ts";
import { codePointName, qualifyEmoji } from "../src/glyph.ts";
import { packShapes } from "../src/shape.ts";
import { iconSymbol } from "../src/sources/icon.ts";
import { pathOf } from "../src/sources/svg-path.ts";
import { normalizeQuery } from "../src/text.ts";

describe("normalizeQuery", () => {
  it.each([
    ["  Birthday\t\n Cake ", "birthday cake"],
    ["ga\u0302teau", "gâteau"],
    ["İstanbul", "i̇stanbul"],
    ["Ⅷ x²", "ⅷ x²"],
    ["　", ""],
  ])("makes %j into %j and then leaves it alone", (text, normal) => {
    expect(normalizeQuery(text)).toBe(normal);
    expect(normalizeQuery(normal)).toBe(normal);
  });
});

describe("qualifyEmoji", () => {
  it("puts the presentation selector back where the emoji needs it, and only there", () => {
    expect(qualifyEmoji("❤")).toBe("❤\uFE0F");
    expect(qualifyEmoji("🎂")).toBe("🎂");
    expect(codePointName(qualifyEmoji("🏋‍♀")!)).toBe("1f3cb-fe0f-200d-2640-fe0f");
    expect(qualifyEmoji("€")).toBeNull();
  });
});

describe("packShapes", () => {
  it("writes every kind of element as path data", () => {
    expect(
      packShapes(24, "s", [
        ["path", { d: "M3 20 h 18 v -8" }],
        ["line", { x1: 1, y1: 2, x2: 3, y2: 4 }],
      ]),
    ).toBe("24s M3 20h18v-8|M1 2L3 4");
    expect(packShapes(24, "s", [["circle", { cx: 12, cy: 12, r: 0.5, fill: "currentColor" }]])).toBe(
      "24s +M11.5 12a.5 .5 0 1 0 1 0a.5 .5 0 1 0-1 0Z".replaceAll("a.5 .5", "a0.5 0.5"),
    );
    expect(packShapes(256, "f", [["polygon", { points: "0 0 8 0 8 8" }]])).toBe("256f M0 0 8 0 8 8Z");
    // 10×6 at (1, 2); rx 2 serves as ry: straight sides of 6 and 2, four quarter turns.
    expect(packShapes(24, "s", [["rect", { x: 1, y: 2, width: 10, height: 6, rx: 2 }]])).toBe(
      "24s M3 2h6a2 2 0 0 1 2 2v2a2 2 0 0 1-2 2h-6a2 2 0 0 1-2-2v-2a2 2 0 0 1 2-2Z",
    );
    expect(packShapes(24, "s", [["path", { d: "M0 0h1", fill: "currentColor", stroke: "none" }]])).toBe("24s =M0 0h1");
  });

  it("refuses what it cannot hold instead of drawing something else", () => {
    expect(() => packShapes(24, "s", [])).toThrow(/at least one shape/);
    expect(() => packShapes(24, "s", [["text", { x: 1 }]])).toThrow(/<text> expected path/);
    expect(() => packShapes(24, "s", [["path", { d: "M0 0h1", transform: "scale(2)" }]])).toThrow(/transform/);
    expect(() => packShapes(24, "s", [["path", { d: 'M0 0"/><script>' }]])).toThrow(/unexpected characters/);
    expect(() => pathOf('<svg viewBox="0 0 1 1"><g/></svg>', "x")).toThrow(/icon "x" expected one <path/);
  });
});

describe("joinSources", () => {
  const icon = iconSymbol({
    set: "mdi",
    name: "cake-layered",
    category: "Food / Drink",
    svg: "24f M0 0h1",
    aliases: ["gateau", "Cake-Layered"],
    tags: [" "],
  });

  it("drops empty words and keeps the first of two equal ones", () => {
    const { items, events } = joinSources([icon]);
    expect(items).toEqual([
      {
        id: "mdi:cake-layered",
        title: "cake layered",
        set: "mdi",
        kind: "icon",
        category: "food / drink",
        glyph: null,
        svg: "24f M0 0h1",
      },
    ]);
    expect(events.map(({ query, source }) => [query, source])).toEqual([
      ["cake layered", "title"],
      ["gateau", "name"],
    ]);
  });

  it("refuses two symbols with one id", () => {
    expect(() => joinSources([icon, icon])).toThrow('[symbols] id "mdi:cake-layered" expected once, got twice');
  });
});
