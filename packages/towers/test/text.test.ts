import { describe, expect, it } from "vitest";
import { dequantizeTable, fnv1a32, quantizeTable, rowOf, textFeatures, words } from "../src/index.ts";
import { random, VOCABULARY } from "./helpers.ts";

describe("fnv1a32", () => {
  it.each([
    ["", 0x811c9dc5],
    ["a", 0xe40c292c],
    ["foobar", 0xbf9cf968],
  ])("has the published value for %j", (text, hash) => expect(fnv1a32(text)).toBe(hash));

  it("reads the bytes that TextEncoder makes, lone surrogates too", () => {
    const next = random(9);
    const integer = (below: number): number => Math.floor((next() + 0.5) * below);
    const ranges = [0x80, 0x800, 0xd800, 0x10000];
    for (let trial = 0; trial < 3000; trial++) {
      const units = Array.from({ length: integer(12) }, () => {
        const kind = integer(6);
        if (kind < 4) return String.fromCharCode(integer(ranges[kind]!));
        return kind === 4
          ? String.fromCharCode(0xd800 + integer(0x800))
          : String.fromCodePoint(0x10000 + integer(0x100000));
      });
      const text = units.join("");
      let hash = 0x811c9dc5;
      for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
      expect(fnv1a32(text)).toBe(hash >>> 0);
    }
  });
});

describe("tokenizer", () => {
  it.each([
    ["Birthday  cake!", ["birthday", "cake"]],
    ["gâteau d’anniversaire", ["gâteau", "d", "anniversaire"]],
    ["ＦＵＬＬ width", ["full", "width"]],
    ["誕生日ケーキ", ["誕生日ケーキ"]],
    ["केक 2", ["केक", "2"]],
    ["🎂 cake", ["🎂", "cake"]],
    [" - ", []],
  ])("splits %j into words", (text, expected) => expect(words(text)).toEqual(expected));

  it("gives the same n-grams with and without accents, and different words", () => {
    const config = { minGram: 3, maxGram: 3, maxChars: 64 };
    const [word, ...grams] = textFeatures("gâteau", config);
    const [plainWord, ...plainGrams] = textFeatures("gateau", config);
    expect(grams).toEqual(plainGrams);
    expect(word).not.toBe(plainWord);
    expect(grams).toHaveLength(6);
  });

  it("takes neighbouring words as a feature of their own, in their order", () => {
    const words = { minGram: 3, maxGram: 0, maxChars: 64 };
    const expected = ["wleft", "warrow", "pleft arrow", "wup", "parrow up"].map(fnv1a32);
    expect([...textFeatures("left arrow up", words)]).toEqual(expected);
  });

  it("takes characters and pairs of a syllabic script", () => {
    const hashes = new Set(textFeatures("生日蛋糕"));
    for (const gram of ["生", "日", "生日", "日蛋", "蛋糕"]) expect(hashes).toContain(fnv1a32(`g${gram}`));
    expect(hashes.size).toBe(1 + 4 + 3);
  });

  it("gives the same features for composed and decomposed text", () => {
    expect(textFeatures("gâteau".normalize("NFD"))).toEqual(textFeatures("gâteau".normalize("NFC")));
  });

  it("reads no more than maxChars code points", () => {
    expect(words("a".repeat(100), 10)).toEqual(["a".repeat(10)]);
    expect(words("🎂".repeat(100), 10)).toHaveLength(10);
  });
});

describe("embedding table", () => {
  it("keeps int8 rows within half a step of the float rows", () => {
    const next = random(3);
    const rows = Float32Array.from({ length: 40 * 6 }, next);
    const hashes = Uint32Array.from({ length: 40 }, (_, i) => i);
    const table = quantizeTable(rows, hashes, 6);
    const back = dequantizeTable(table);
    for (let i = 0; i < rows.length; i++) {
      expect(Math.abs(back[i]! - rows[i]!)).toBeLessThanOrEqual(table.scales[Math.floor(i / 6)]! / 2 + 1e-7);
    }
  });

  it("finds the row of every feature of the vocabulary, and of no other", () => {
    for (const [row, hash] of VOCABULARY.entries()) {
      expect(rowOf(VOCABULARY, hash)).toBe(row);
      if (!VOCABULARY.includes(hash + 1)) expect(rowOf(VOCABULARY, hash + 1)).toBe(-1);
    }
    expect(rowOf(new Uint32Array(0), 1)).toBe(-1);
  });

  it("refuses rows that are not finite", () => {
    expect(() => quantizeTable(Float32Array.of(1, Number.NaN), Uint32Array.of(5), 2)).toThrow(
      /"rows" expected finite numbers, got NaN in row 0/,
    );
    expect(() => quantizeTable(Float32Array.of(1, 2, 3), Uint32Array.of(5), 2)).toThrow(/"rows" expected length 2/);
  });
});
