import { describe, expect, it } from "vitest";
import { type Filter, InputError, parseFilter } from "../src/index.ts";

const a: Filter = { facet: "kind", in: ["emoji"] };
const b: Filter = { facet: "set", in: ["mdi"] };
const c: Filter = { number: "year", min: 1990 };

describe("parseFilter", () => {
  it.each<[string, Filter]>([
    ["kind:emoji", a],
    ["  kind : emoji  ", a],
    ['kind:"emoji"', a],
    ["kind:emoji AND set:mdi", { and: [a, b] }],
    ["kind:emoji AND set:mdi AND year>=1990", { and: [a, b, c] }],
    ["kind:emoji OR kind:icon", { facet: "kind", in: ["emoji", "icon"] }],
    ["(kind:a OR kind:b) OR kind:c", { facet: "kind", in: ["a", "b", "c"] }],
    [Array(65).fill("kind:emoji").join(" OR "), { facet: "kind", in: Array(65).fill("emoji") }],
    ["kind:emoji OR set:mdi AND year>=1990", { or: [a, { and: [b, c] }] }],
    ["(kind:emoji OR set:mdi) AND year>=1990", { and: [{ or: [a, b] }, c] }],
    ["NOT kind:emoji AND set:mdi", { and: [{ not: a }, b] }],
    ["NOT (kind:emoji AND NOT set:mdi)", { not: { and: [a, { not: b }] } }],
    ["((kind:emoji))", a],
    ["year<=-1.5e3", { number: "year", max: -1500 }],
    ["year=7", { number: "year", min: 7, max: 7 }],
    ["year>7", { and: [{ number: "year", min: 7 }, { not: { number: "year", min: 7, max: 7 } }] }],
    ["year<7", { and: [{ number: "year", max: 7 }, { not: { number: "year", min: 7, max: 7 } }] }],
    ['tag:"a \\"b\\" \\\\ (c) OR d"', { facet: "tag", in: ['a "b" \\ (c) OR d'] }],
    ["tag:a:b=c", { facet: "tag", in: ["a:b=c"] }],
    ["ORDER:x", { facet: "ORDER", in: ["x"] }],
    ["AND:x", { facet: "AND", in: ["x"] }],
    ["__proto__:constructor", { facet: "__proto__", in: ["constructor"] }],
    ["tag:絵文字", { facet: "tag", in: ["絵文字"] }],
    ["größe:M", { facet: "größe", in: ["M"] }],
    ["gro\u0308ße.2-x : M", { facet: "gro\u0308ße.2-x", in: ["M"] }],
    [
      '"Marke größe":M AND "price (€)"<=5',
      {
        and: [
          { facet: "Marke größe", in: ["M"] },
          { number: "price (€)", max: 5 },
        ],
      },
    ],
    [' "a \\"b\\" \\\\" : "x"', { facet: 'a "b" \\', in: ["x"] }],
    [
      'NOT ("AND":OR OR "NOT":AND)',
      {
        not: {
          or: [
            { facet: "AND", in: ["OR"] },
            { facet: "NOT", in: ["AND"] },
          ],
        },
      },
    ],
    ["ANDé:x", { facet: "ANDé", in: ["x"] }],
  ])("reads %s", (text, filter) => {
    expect(parseFilter(text)).toEqual(filter);
  });

  it.each([
    ["", "expected a comparison such as kind:emoji or year>=1990 at character 1, got the end"],
    ["kind", 'expected a comparison such as kind:emoji or year>=1990 at character 1, got "kind"'],
    ["Marke größe:M", 'got "Marke größe:M"; a name such as "page type" needs its quotes'],
    ["2nd>=3", 'got "2nd>=3"; a name such as "page type" needs its quotes'],
    ['"page type"', 'expected a comparison such as kind:emoji or year>=1990 at character 1, got "\\"page type\\""'],
    ['"page type:home', 'at character 1, got "\\"page type:home"'],
    ['"a\\b":home', "expected a comparison such as kind:emoji"],
    ["kind:emoji set:mdi", 'expected AND, OR or the end at character 12, got "set:mdi"'],
    ["kind:emoji AND", "expected a comparison such as kind:emoji or year>=1990 at character 15, got the end"],
    ["kind:emoji)", 'expected AND, OR or the end at character 11, got ")"'],
    ["(kind:emoji", "expected ) at character 12, got the end"],
    ["kind:", "expected a value after kind: at character 6, got the end"],
    ['kind:"emoji', 'expected a value after kind: at character 6, got "\\"emoji"'],
    ["year>=soon", 'expected a number after year>= at character 7, got "soon"'],
    ["Marke=Acme", 'after Marke= at character 7, got "Acme"; = compares numbers, a facet is written Marke:Acme'],
    ['"page type"="my home"', 'a facet is written "page type":"my home"'],
    ["year>=0x10", 'expected a number after year>= at character 7, got "0x10"'],
    ["year>=1e999", 'expected a number after year>= at character 7, got "1e999"'],
    ["kind:emoji and set:mdi", 'expected AND, OR or the end at character 12, got "and set:mdi"'],
    [`${"(".repeat(17)}a:b${")".repeat(17)}`, "expected at most 16 levels of parentheses and NOT"],
    [`${"NOT ".repeat(17)}a:b`, "expected at most 16 levels of parentheses and NOT"],
    [Array(65).fill("a:b").join(" AND "), "expected at most 64 comparisons, got 65"],
  ])("refuses %s", (text, message) => {
    expect(() => parseFilter(text)).toThrow(InputError);
    expect(() => parseFilter(text)).toThrow(message);
  });

  it("neither hangs nor throws anything else on 20,000 strings of its own tokens", () => {
    const tokens = [
      "a:b",
      "year>=3",
      "AND",
      "OR",
      "NOT",
      "(",
      ")",
      '"',
      "\\",
      ":",
      ">=",
      " ",
      "x",
      "\n",
      "é",
      'a:"b"',
      "\u0000",
    ];
    let state = 7;
    const below = (n: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * n);
    };
    let read = 0;
    for (let i = 0; i < 20_000; i++) {
      const text = Array.from({ length: below(12) }, () => tokens[below(tokens.length)]).join(below(2) ? " " : "");
      try {
        parseFilter(text);
        read++;
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
      }
    }
    expect(read).toBeGreaterThan(100);
  });
});
