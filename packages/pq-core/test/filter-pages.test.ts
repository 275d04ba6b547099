/** Pages of filters, read in part: what a filter names and nothing else, as if all had been read. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { FilterPagesWriter, readFilterDirectory, readFilterPage } from "../src/format/filter-pages.ts";
import type { FilterColumns } from "../src/format/filters-chunk.ts";
import { FormatError } from "../src/index.ts";
import { random } from "./support.ts";

/** One page of items with facets of few and of many values, and numbers. */
function onePage(first: number, count: number, seed: number) {
  const next = random(seed);
  const column = (values: number, most: number) =>
    Array.from({ length: count }, () =>
      Array.from({ length: Math.floor(next() * (most + 1)) }, () => `v${Math.floor(next() ** 3 * values)}`),
    );
  const facets = { few: column(3, 1), none: column(1, 0), many: column(200, 3), last: column(2, 1) };
  const names = Object.entries(facets).map(([name, values]) => {
    // some values are on other pages only
    const counts = new Map(Array.from({ length: 210 }, (_, i) => [`v${i}`, 0]));
    for (const own of values) for (const value of new Set(own)) counts.set(value, counts.get(value)! + 1);
    return { name, counts };
  });
  const numbers = ["a", "b"];
  const writer = new FilterPagesWriter({ facets: names, numbers });
  const rows = { facets: Object.values(facets), numbers: numbers.map(() => Array.from({ length: count }, next)) };
  const payload = writer.page(first, count, rows);
  return { payload, directory: readFilterDirectory(writer.directory(), first + count, 1) };
}

it("a page read in part has what is wanted, and is the same as in a page read whole", () => {
  const shape = fc.record({
    first: fc.nat(100),
    count: fc.integer({ min: 1, max: 900 }),
    seed: fc.nat(1e6),
    facets: fc.subarray(["few", "none", "many", "last"]),
    numbers: fc.subarray(["a", "b"]),
    places: fc.uniqueArray(fc.nat(209), { maxLength: 40 }),
  });
  fc.assert(
    fc.property(shape, ({ first, count, seed, facets, numbers, places }) => {
      const { payload, directory } = onePage(first, count, seed);
      const whole = readFilterPage("page", payload, directory, first, count);
      const wanted = {
        facets: new Map(facets.map((name) => [name, Uint32Array.from(places).sort()])),
        numbers: new Set(numbers),
      };
      const valuesOf = (name: string) => {
        const names = new Set(places.map((place) => directory.values.get(name)![place]));
        return new Map([...whole.facets.get(name)!].filter(([value]) => names.has(value)));
      };
      const expected: FilterColumns = {
        facets: new Map([...whole.facets.keys()].filter((f) => facets.includes(f)).map((f) => [f, valuesOf(f)])),
        numbers: new Map([...whole.numbers].filter(([name]) => numbers.includes(name))),
      };
      expect(readFilterPage("page", payload, directory, first, count, wanted)).toEqual(expected);
    }),
    { seed: 20261130, numRuns: 300 },
  );
});

it("the values that a facet has anywhere are not gone through for a page", () => {
  const { payload, directory } = onePage(0, 500, 1);
  const values = new Map(
    Array.from(directory.values, ([name, own]) => {
      const asked = new Proxy(own, {
        get(target, member) {
          if (typeof member === "string" && /^\d+$/.test(member)) reads++;
          return Reflect.get(target, member, target);
        },
      });
      return [name, asked] as const;
    }),
  );
  let reads = 0;
  const wanted = { facets: new Map([["many", Uint32Array.of(0, 1)]]), numbers: new Set<string>() };
  const known = { ...directory, values, facets: new Map() };
  const { facets } = readFilterPage("page", payload, known, 0, 500, wanted);
  expect([...facets.keys()]).toEqual(["many"]);
  expect(facets.get("many")!.size).toBe(2);
  expect(reads).toBe(2);
});

it("what is passed over must lie inside the page, and nothing may follow", () => {
  const { payload, directory } = onePage(0, 300, 2);
  const wanted = { facets: new Map(), numbers: new Set<string>() };
  const read = (bytes: Uint8Array) => readFilterPage("page", bytes, directory, 0, 300, wanted);
  expect(read(payload).facets.size).toBe(0);
  expect(() => read(payload.slice(0, -16))).toThrow(FormatError);
  const longer = new Uint8Array(payload.length + 16);
  longer.set(payload);
  expect(() => read(longer)).toThrow(/expected \d+ payload bytes/);
});

it("a directory with a value twice is refused", () => {
  const counts = new Map(["a", "b"].map((value) => [value, 1]));
  const writer = new FilterPagesWriter({ facets: [{ name: "f", counts }], numbers: [] });
  writer.page(0, 2, { facets: [["a", "b"]], numbers: [] });
  const bytes = writer.directory();
  const at = new TextDecoder("latin1").decode(bytes).indexOf('"b"');
  bytes[at + 1] = "a".charCodeAt(0);
  expect(() => readFilterDirectory(bytes, 2, 1)).toThrow(/"f=a" is there twice/);
});

it("a directory of many values on many pages says which pages have them", () => {
  const next = random(7);
  const pages = Array.from({ length: 70 }, () =>
    Array.from({ length: 50 }, () => [`v${Math.floor(next() * 12_000)}`, `often ${Math.floor(next() * 30)}`]),
  );
  const counts = new Map<string, number>();
  const pagesOf = new Map<string, Set<number>>();
  for (const [page, items] of pages.entries())
    for (const value of items.flat()) {
      counts.set(value, (counts.get(value) ?? 0) + 1);
      pagesOf.set(value, (pagesOf.get(value) ?? new Set()).add(page));
    }
  for (let i = 0; i < 12_000; i++) if (!counts.has(`v${i}`)) counts.set(`v${i}`, 0);
  const facets = [
    { name: 'a "b"', counts },
    { name: "none", counts: new Map<string, number>() },
    { name: "also", counts },
  ];
  const writer = new FilterPagesWriter({ facets, numbers: [] });
  for (const [page, items] of pages.entries()) writer.page(page * 50, 50, { facets: [items, [], items], numbers: [] });
  const directory = readFilterDirectory(writer.directory(), 3500, 70);
  expect([...directory.facets.keys()]).toEqual(['a "b"', "none", "also"]);
  for (const name of ['a "b"', "also"]) {
    const values = directory.facets.get(name)!;
    expect([...values.keys()]).toEqual([...counts.keys()].sort());
    for (const [value, { count, bitmap, ordinals }] of values) {
      const isIn = (page: number) => (bitmap![page >>> 5]! >>> (page & 31)) & 1;
      const own = ordinals === undefined ? pages.flatMap((_, page) => (isIn(page) ? [page] : [])) : [...ordinals];
      expect([count, own], value).toEqual([counts.get(value), [...(pagesOf.get(value) ?? [])]]);
    }
  }
});
