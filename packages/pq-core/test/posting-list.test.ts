import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteWriter } from "../src/format/byte-writer.ts";
import { checkPostings, decodePostings, writePostings } from "../src/format/posting-list.ts";
import { lookUpPostings, marksOf, PostingReader } from "../src/format/posting-reader.ts";
import { DecodedReader } from "../src/words/postings.ts";
import { random } from "./support.ts";

/** Lists around runs and marks, with gaps of one byte to five. */
const lists = fc
  .record({
    n: fc.constantFrom(1, 2, 31, 32, 33, 127, 128, 129, 255, 256, 257, 300, 1000),
    gap: fc.constantFrom(1, 8, 9, 1000, 1093, 100_000, 2_000_000),
    seed: fc.nat(),
  })
  .map(({ n, gap, seed }) => {
    const next = random(seed);
    const ordinals = new Uint32Array(n);
    for (let i = 0, ordinal = -1; i < n; i++) {
      ordinal += 1 + Math.floor(next() ** 2 * gap);
      ordinals[i] = ordinal;
    }
    const impacts = Uint8Array.from({ length: n }, () => 1 + Math.floor(next() * 15));
    const writer = new ByteWriter();
    writePostings(writer, ordinals, impacts);
    return { n, seed, ordinals, impacts, bytes: writer.written.slice(), end: ordinals[n - 1]! + 1 };
  });

describe("a list of postings", () => {
  it("is decoded whole", () => {
    fc.assert(
      fc.property(lists, ({ n, ordinals, impacts, bytes }) => {
        const found = { ordinals: new Uint32Array(n), impacts: new Uint8Array(n) };
        decodePostings(bytes, n, found.ordinals, found.impacts);
        expect(found).toEqual({ ordinals, impacts });
      }),
      { numRuns: 100, seed: 5 },
    );
  });

  it("is read a stretch at a time, whichever stretches are left out", () => {
    fc.assert(
      fc.property(lists, fc.integer({ min: 1, max: 9 }), ({ n, seed, ordinals, impacts, bytes, end }, parts) => {
        const next = random(seed + 1);
        const borders = Array.from({ length: parts }, () => Math.floor(next() * end)).sort((a, b) => a - b);
        for (const reader of [new PostingReader(bytes, n), new DecodedReader({ ordinals, impacts })]) {
          let from = 0;
          for (const to of [...borders, end]) {
            if (next() < 0.7) {
              const own = [...ordinals.keys()].filter((i) => ordinals[i]! >= from && ordinals[i]! < to);
              const found = { ordinals: new Uint32Array(n), impacts: new Uint8Array(n) };
              const count = reader.read(from, to, found.ordinals, found.impacts);
              expect([...found.ordinals.subarray(0, count)]).toEqual(own.map((i) => ordinals[i]));
              expect([...found.impacts.subarray(0, count)]).toEqual(own.map((i) => impacts[i]));
            }
            from = to;
          }
        }
      }),
      { numRuns: 400, seed: 6 },
    );
  });

  it("gives the impacts of some items, with marks and without", () => {
    fc.assert(
      fc.property(lists, fc.integer({ min: 0, max: 400 }), ({ n, seed, ordinals, impacts, bytes, end }, size) => {
        const next = random(seed + 2);
        const draw = (): number =>
          next() < 0.5 ? ordinals[Math.floor(next() * n)]! : Math.floor(next() * Math.min(end + 9, 2 ** 32 - 1));
        const wanted = Uint32Array.from(new Set(Array.from({ length: size }, draw))).sort();
        const of = new Map(Array.from(ordinals, (ordinal, i) => [ordinal, impacts[i]!]));
        checkPostings("a list", bytes, n, end);
        const marks = marksOf(bytes, n);
        expect(marks === undefined).toBe(n < 256);
        for (const some of [undefined, marks]) {
          const found = new Uint8Array(wanted.length);
          lookUpPostings(bytes, n, wanted, found, some);
          expect([...found]).toEqual(Array.from(wanted, (ordinal) => of.get(ordinal) ?? 0));
        }
      }),
      { numRuns: 400, seed: 7 },
    );
  });
});
