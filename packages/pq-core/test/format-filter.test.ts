/** A filter as text and back, and lists of values as text and back, whatever names and values are made of. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Filter, formatFilter, formatList, InputError, parseFilter, parseList } from "../src/index.ts";
import { compileFilter } from "../src/search/compile-filter.ts";
import { comparisonMask } from "../src/search/filter.ts";
import { MaskWords } from "../src/search/masks.ts";

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.string({ unit: "grapheme", maxLength: 6 }),
  fc.constantFrom("AND", "OR", "NOT", "and", "price (€)", "größe", 'say "x"', "\\", '\\"', "a:b", "__proto__", "絵"),
);
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.constantFrom(-0, 1e21, 1e-7),
);
/** What a parser gives: one value of a facet, one bound of a number or both the same, two or more parts. */
const written: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter; leaf: Filter }>((tie) => ({
  leaf: fc.oneof(
    fc.record({ facet: text, in: fc.tuple(text) }),
    fc.record({ number: text, min: number }),
    fc.record({ number: text, max: number }),
    fc.tuple(text, number).map(([name, value]) => ({ number: name, min: value, max: value })),
  ),
  filter: fc.oneof(
    { maxDepth: 4 },
    tie("leaf"),
    fc.record({ not: tie("filter") }),
    fc.record({ and: fc.array(tie("filter"), { minLength: 2, maxLength: 3 }) }),
    fc.record({ or: fc.array(tie("filter"), { minLength: 2, maxLength: 3 }) }),
  ),
})).filter;
const settings = { seed: 13, numRuns: 2000 };

describe("formatFilter", () => {
  it("is the inverse of parseFilter", () => {
    fc.assert(
      fc.property(written, (filter) => {
        expect(parseFilter(formatFilter(filter))).toEqual(filter);
      }),
      settings,
    );
  });

  it.each<[string, Filter]>([
    ["kind:emoji", { facet: "kind", in: ["emoji"] }],
    ['"page type":home', { facet: "page type", in: ["home"] }],
    ['größe:"M (x)"', { facet: "größe", in: ["M (x)"] }],
    ['"AND":"OR"', { facet: "AND", in: ["OR"] }],
    [
      "(a:b OR a:c) AND y>=3",
      {
        and: [
          { facet: "a", in: ["b", "c"] },
          { number: "y", min: 3 },
        ],
      },
    ],
    ["NOT (y>=1 AND y<=2)", { not: { number: "y", min: 1, max: 2 } }],
    ["NOT NOT a:b", { not: { not: { facet: "a", in: ["b"] } } }],
    ["a:b", { and: [{ or: [{ facet: "a", in: ["b"] }] }] }],
    ["a:b AND (c:d AND e:f)", { and: [parseFilter("a:b"), parseFilter("c:d AND e:f")] }],
  ])("says %s", (expression, filter) => {
    expect(formatFilter(filter)).toBe(expression);
  });

  it("lets the same items through where a filter has more than an expression", () => {
    const n = 64;
    const values = ["x", "y", ""];
    const columns = {
      facets: new Map([
        ["f", new Map(values.map((value, v) => [value, { count: 22, ordinals: every(n, (i) => i % 3 === v) }]))],
      ]),
      numbers: new Map([["y", Float64Array.from({ length: n }, (_, i) => (i % 5 === 0 ? Number.NaN : (i % 9) - 4))]]),
    };
    const wordsOf = (filter: Filter) =>
      new MaskWords(
        compileFilter(filter, (leaf) => comparisonMask(leaf, columns, n), n),
        0,
        2,
      ).words(0, 2);
    const bound = fc.option(fc.integer({ min: -4, max: 4 }), { nil: undefined });
    const leaf = fc.oneof(
      fc.record({ facet: fc.constant("f"), in: fc.array(fc.constantFrom(...values), { maxLength: 3 }) }),
      fc.record({ number: fc.constant("y"), min: bound, max: bound }) as fc.Arbitrary<Filter>,
    );
    const parts = fc.array(leaf, { minLength: 1, maxLength: 3 });
    const filter: fc.Arbitrary<Filter> = fc.oneof(
      leaf,
      fc.record({ not: leaf }),
      fc.record({ and: parts }),
      fc.record({ or: fc.array(fc.oneof(leaf, fc.record({ and: parts })), { minLength: 1, maxLength: 3 }) }),
    );
    fc.assert(
      fc.property(filter, (one) => {
        expect(wordsOf(parseFilter(formatFilter(one)))).toEqual(wordsOf(one));
      }),
      settings,
    );
  });

  it.each<Filter>([
    { and: [] },
    { not: { or: [] } },
    { number: "y", min: Number.POSITIVE_INFINITY },
    { number: "y", max: Number.NaN },
  ])("refuses %j, which no expression says", (filter) => expect(() => formatFilter(filter)).toThrow(InputError));
});

/** Ordinals below n for which it holds. */
function every(n: number, holds: (i: number) => boolean): Uint32Array {
  return Uint32Array.from(Array.from({ length: n }, (_, i) => i).filter(holds));
}

describe("parseList", () => {
  it("is the inverse of formatList", () => {
    const value = fc.oneof(text, fc.constantFrom(",", '"', ' "', '","', '""')).filter((one) => one !== "");
    fc.assert(
      fc.property(fc.array(value), (values) => {
        expect(parseList(formatList(values), "ids")).toEqual(values);
      }),
      settings,
    );
  });

  it.each<[string, string[]]>([
    ["", []],
    [",,", []],
    ["a,b", ["a", "b"]],
    ['"a,b",c', ["a,b", "c"]],
    [' a,"", b"c" ', [" a", ' b"c" ']],
    ['"""q""",5"', ['"q"', '5"']],
  ])("%j", (list, values) => {
    expect(parseList(list, "ids")).toEqual(values);
  });

  it.each(['"a', '"a"b', 'a,"b', '"'])("%j does not end its quotes", (list) => {
    expect(() => parseList(list, "ids")).toThrow(
      expect.objectContaining({ parameter: "ids", detail: expect.stringMatching(/^expected a closing quote/) }),
    );
  });
});
