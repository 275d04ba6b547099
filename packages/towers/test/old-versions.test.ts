import { readFileSync } from "node:fs";
import { FormatError } from "@poeem/pq-core";
import { describe, expect, it } from "vitest";
import { createQueryTower, openQueryTower, type QueryTower, readQueryTower, writeQueryTower } from "../src/index.ts";
import { type AnyHeader, edited } from "./helpers.ts";

// Written by the code of format versions 1 to 3 (commit f501e51), of 4 (068bcdb), where a tokenizer had no version yet,
// of 5, the first with tokenizers of version 2, of 6, the first with ordered histories, and of 7, the first with
// embeddings; and what each answered.
const fixture = (file: string): Uint8Array => readFileSync(new URL(`../fixtures/${file}`, import.meta.url));
const { history, ...answers } = JSON.parse(new TextDecoder().decode(fixture("expected.json")));
const HISTORY = Float32Array.from(history);
const QUERIES = {
  text: { text: "birthday cake" },
  words: { text: "Straße iPhone红鞋 ❤️ C++ 👍🏽 🇫🇷" },
  history: { history: HISTORY },
  embedding: {
    embedding: { text: HISTORY.subarray(0, 6), picture: HISTORY.subarray(6, 9), own: HISTORY.subarray(9, 13) },
  },
  all: { text: "red", history: HISTORY, context: { device: "desk", page: "none" } },
};
type Answer = { vectors: number[][]; temperature?: number; weights?: number[] };

const versionOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);

function expectAnswers(tower: QueryTower, { reads, ...expected }: { reads: object } & Record<string, Answer>): void {
  expect(tower.reads).toEqual(reads);
  for (const [name, answer] of Object.entries(expected)) {
    const embedded = tower.embed(QUERIES[name as keyof typeof QUERIES])!;
    const { vectors, temperature, weights } =
      embedded instanceof Float32Array ? { vectors: [embedded], temperature: undefined, weights: [] } : embedded;
    expect(temperature).toBe(answer.temperature);
    const got = [...vectors.map((vector) => [...vector]), [...weights]];
    const wanted = [...answer.vectors, answer.weights ?? []];
    expect(got.map((row) => row.length)).toEqual(wanted.map((row) => row.length));
    wanted.forEach((row, i) => {
      row.forEach((value, d) => {
        expect(Math.abs(got[i]![d]! - value)).toBeLessThan(1e-6);
      });
    });
  }
}

describe("a tower of a format version", () => {
  it.each([
    ["v1-text", 1],
    ["v2-attention-context", 2],
    ["v2-mean", 2],
    ["v3-mixture-tilt", 3],
    ["v4-text", 4],
    ["v5-text", 5],
    ["v6-mixture-order", 6],
    ["v7-embedding", 7],
  ])("reads and answers as it did, and the same again written anew: %s", (name, version) => {
    const bytes = fixture(`${name}.bin`);
    expect(versionOf(bytes)).toBe(version);
    expectAnswers(openQueryTower(bytes), answers[name]);
    const weights = readQueryTower(bytes);
    const rewritten = writeQueryTower(weights);
    expect(versionOf(rewritten)).toBe(Math.max(version, 4));
    expect(readQueryTower(rewritten)).toEqual(weights);
    expectAnswers(openQueryTower(rewritten), answers[name]);
    expect(createQueryTower(weights).dim).toBe(4);
  });

  it.each(["v1-text", "v2-attention-context", "v3-mixture-tilt", "v4-text"])("is no copy of its bytes: %s", (name) => {
    const bytes = Uint8Array.from(fixture(`${name}.bin`));
    const tower = openQueryTower(bytes);
    expectAnswers(tower, answers[name]);
    bytes.fill(0);
    expect(() => expectAnswers(tower, answers[name])).toThrow();
  });

  const version = (bytes: Uint8Array, number: number): Uint8Array => {
    const copy = Uint8Array.from(bytes);
    new DataView(copy.buffer).setUint32(4, number, true);
    return copy;
  };
  const text = fixture("v1-text.bin");
  const mixture = fixture("v3-mixture-tilt.bin");
  const context = fixture("v2-attention-context.bin");
  const but = (bytes: Uint8Array, change: (header: AnyHeader) => void): Uint8Array => edited(bytes, change);
  const refused: [string, Uint8Array, string][] = [
    ["version 0", version(text, 0), '"format version" expected at least 1 with such a header, got 0'],
    ["a history in version 1", version(context, 1), '"format version" expected at least 2 with such a header, got 1'],
    ["a tilt in version 2", version(mixture, 2), '"format version" expected at least 3 with such a header, got 2'],
    ["a list of sections in version 3", version(text, 4), '"sections" expected a list of at most 64, got undefined'],
    ["no rows and no other input", but(text, (h) => (h.numRows = 0)), '"numRows" expected an integer in 1…16777216'],
    ["no width", but(text, (h) => delete h.embeddingDim), '"embeddingDim" expected an integer in 1…16384'],
    ["rows past the end", but(text, (h) => (h.numRows = 1 << 20)), '"bytes" expected at least'],
    ["no layers", but(text, (h) => delete h.layers), '"layers" expected a list, got undefined'],
    ["a layer that is no pair", but(text, (h) => (h.layers = [4])), '"layers" expected pairs of numbers, got 4'],
    ["half a layer", but(text, (h) => (h.layers = [[4]])), '"layers" expected pairs of numbers, got a list of 1'],
    ["layers that do not chain", but(text, (h) => h.layers.reverse()), '"layers[0].inputDim" expected 4, got 6'],
    ["no skip", but(text, (h) => delete h.skip), '"skip" expected a boolean, got undefined'],
    ["no tokenizer", but(text, (h) => delete h.tokenizer), '"text.tokenizer.minGram" expected an integer in 0…65536'],
    ["an unknown form", but(mixture, (h) => (h.history.form = "sum")), '"bytes" expected'],
    [
      "an unknown form of no arrays",
      but(fixture("v2-mean.bin"), (h) => (h.history.form = "sum")),
      '"history.form" expected mixture, mean or attention, got sum',
    ],
    [
      "a long history",
      but(mixture, (h) => (h.history.length = 2000)),
      '"history.length" expected an integer in 1…1000, got 2000',
    ],
    ["no centers", but(mixture, (h) => (h.history.numCenters = 0)), '"bytes" expected'],
    [
      "centers of no number",
      but(mixture, (h) => delete h.history.numCenters),
      '"history.numCenters" expected an integer in 0…65536, got undefined',
    ],
    ["a history of no object", but(context, (h) => (h.history = 5)), '"history.numCenters" expected an integer'],
    ["contexts of no list", but(context, (h) => (h.contexts = "device")), '"contexts" expected a list, got device'],
    [
      "contexts of no name",
      but(context, (h) => (h.contexts[1] = "device")),
      '"context.names" expected a list of different names, got something else',
    ],
    ["a context too many", but(context, (h) => h.contexts.push("a\tb")), '"bytes" expected at least'],
  ];
  it.each(refused)("is refused with %s", (_, bytes, message) => {
    expect(() => readQueryTower(bytes)).toThrow(FormatError);
    expect(() => readQueryTower(bytes)).toThrow(`[pq-core] query tower: ${message}`);
  });
});
