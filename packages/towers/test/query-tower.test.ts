import { describe, expect, it } from "vitest";
import {
  createQueryTower,
  dequantizeTable,
  fnv1a32,
  openQueryTower,
  type QueryTowerWeights,
  quantizeTable,
  readQueryTower,
  rowOf,
  textFeatures,
  words,
  writeQueryTower,
} from "../src/index.ts";

function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
}

// every second feature of these texts is known
const TEXTS = ["red cake", "Kuchen", "birthday", "🎂", "gâteau d'anniversaire"];
const VOCABULARY = Uint32Array.from(
  new Set(TEXTS.flatMap((text) => [...textFeatures(text)]).filter((_, i) => i % 2 === 0)),
).sort();

function smallTower(seed = 7): QueryTowerWeights {
  const next = random(seed);
  const floats = (n: number): Float32Array => Float32Array.from({ length: n }, next);
  const dense = (inputDim: number, outputDim: number) => ({
    inputDim,
    outputDim,
    weights: floats(inputDim * outputDim),
    bias: floats(outputDim),
  });
  return {
    tokenizer: { minGram: 2, maxGram: 4, maxChars: 64 },
    table: quantizeTable(floats(VOCABULARY.length * 8), VOCABULARY, 8),
    layers: [dense(8, 12), dense(12, 8)],
    skip: true,
  };
}

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

describe("query tower", () => {
  it("gives unit vectors, equal to the sums written out", () => {
    const weights = smallTower();
    const vector = createQueryTower(weights).embedText("red cake");
    expect(Math.hypot(...vector)).toBeCloseTo(1, 6);

    const rows = dequantizeTable(weights.table);
    const known = [...textFeatures("red cake", weights.tokenizer)]
      .map((hash) => VOCABULARY.indexOf(hash))
      .filter((row) => row >= 0);
    expect(known.length).toBeGreaterThan(2);
    const bag = Array.from(
      { length: 8 },
      (_, d) => known.reduce((sum, row) => sum + rows[row * 8 + d]!, 0) / known.length,
    );
    const [first, last] = weights.layers;
    const hidden = Array.from({ length: 12 }, (_, o) =>
      Math.max(
        0,
        bag.reduce((sum, x, i) => sum + x * first!.weights[i * 12 + o]!, first!.bias[o]!),
      ),
    );
    const output = Array.from(
      { length: 8 },
      (_, o) => hidden.reduce((sum, x, i) => sum + x * last!.weights[i * 8 + o]!, last!.bias[o]!) + bag[o]!,
    );
    const norm = Math.hypot(...output);
    for (const [d, value] of output.entries()) expect(vector[d]).toBeCloseTo(value / norm, 5);
  });

  it("gives zeros for a text without a known feature", () => {
    const tower = createQueryTower(smallTower());
    expect([...tower.embedText("")]).toEqual(new Array(8).fill(0));
    expect([...tower.embedText("!!!")]).toEqual(new Array(8).fill(0));
  });

  it("survives writing and reading bit for bit, also at an odd byte offset", () => {
    const weights = smallTower();
    const bytes = writeQueryTower(weights);
    expect(readQueryTower(bytes)).toEqual(weights);
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect(openQueryTower(shifted.subarray(3)).embedText("Kuchen")).toEqual(
      createQueryTower(weights).embedText("Kuchen"),
    );
  });

  it("reads a Node Buffer, whose slice() is a view", () => {
    const weights = smallTower();
    expect(readQueryTower(Buffer.from(writeQueryTower(weights)))).toEqual(weights);
  });

  const bytes = writeQueryTower(smallTower());
  const hashesAt = (16 + new DataView(bytes.buffer).getUint32(8, true) + 15) & ~15;
  const corrupt = (change: (copy: Uint8Array, view: DataView) => void): Uint8Array => {
    const copy = bytes.slice();
    change(copy, new DataView(copy.buffer));
    return copy;
  };
  const header = (from: string, to: string): Uint8Array => {
    const length = new DataView(bytes.buffer).getUint32(8, true);
    const text = new TextDecoder().decode(bytes.subarray(16, 16 + length)).replace(from, to);
    return corrupt((copy) => copy.set(new TextEncoder().encode(text.padEnd(length).slice(0, length)), 16));
  };
  it.each<[string, Uint8Array, RegExp]>([
    ["no bytes", new Uint8Array(0), /"bytes" expected at least 16 bytes, got 0/],
    ["a wrong magic", corrupt((_, view) => view.setUint32(0, 1, true)), /"magic" expected PQTW/],
    [
      "another version",
      corrupt((_, view) => view.setUint32(4, 9, true)),
      /"format version" expected 1 or 2 or 3, got 9/,
    ],
    ["a huge header", corrupt((_, view) => view.setUint32(8, 2 ** 31, true)), /"header length" expected/],
    ["a wrong total", corrupt((_, view) => view.setUint32(12, 64, true)), /"total length" expected/],
    ["a cut tail", bytes.subarray(0, bytes.length - 1), /"bytes" expected \d+ bytes/],
    ["a header that is no JSON", header("{", "("), /"header" expected JSON/],
    ["no rows", header(`"numRows":${VOCABULARY.length}`, '"numRows":0'), /"numRows" expected an integer/],
    [
      "hashes out of order",
      corrupt((_, view) => view.setUint32(hashesAt + 4, 0, true)),
      /"hashes\[1\]" expected more than/,
    ],
    ["layers that do not chain", header("[12,8]", "[11,8]"), /"layers\[1\].inputDim" expected 12, got 11/],
    [
      "a NaN weight",
      corrupt((copy, view) => view.setFloat32(copy.length - 32, Number.NaN, true)),
      /"weights" expected finite numbers/,
    ],
  ])("refuses %s", (_, broken, message) => expect(() => readQueryTower(broken)).toThrow(message));
});
