import { describe, expect, it } from "vitest";
import {
  createQueryTower,
  type HistoryHead,
  l2Normalize,
  logPartition,
  mlp,
  openQueryTower,
  type QueryTowerWeights,
  readQueryTower,
  writeQueryTower,
} from "../src/index.ts";

const DIM = 4;

function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
}

function floats(n: number, seed: number): Float32Array {
  return Float32Array.from({ length: n }, random(seed));
}

function tower(form: HistoryHead["form"], length = 3): QueryTowerWeights {
  const centers = 5;
  return {
    tokenizer: { minGram: 3, maxGram: 4, maxChars: 64 },
    table: { embeddingDim: DIM, hashes: new Uint32Array(0), scales: new Float32Array(0), values: new Int8Array(0) },
    layers:
      form === "mixture"
        ? []
        : [{ inputDim: DIM, outputDim: DIM, weights: floats(DIM * DIM, 1), bias: floats(DIM, 2) }],
    skip: form !== "mixture",
    history: {
      form,
      length,
      scale: 7,
      ...(form === "attention" && { attention: floats(DIM, 3) }),
      ...(form === "mixture" && {
        partition: {
          values: Int8Array.from(floats(centers * DIM, 4), (x) => x * 200),
          scales: floats(centers, 5).map(Math.abs),
          bias: floats(centers, 6),
        },
      }),
    },
    contexts: { names: ["device\tphone", "device\tdesk", "page\thome"], rows: floats(3 * DIM, 7) },
  };
}

const ITEMS = floats(5 * DIM, 8);

describe("the mixture of a history", () => {
  it("has a unit vector an item, weighed by one over its partition sum", () => {
    const weights = tower("mixture");
    const query = createQueryTower(weights).embed({ history: ITEMS });
    if (!query || query instanceof Float32Array) throw new Error("expected a mixture");
    expect(query.temperature).toBe(7);
    // the newest three
    const expected = [2, 3, 4].map((i) => l2Normalize(ITEMS.subarray(i * DIM, (i + 1) * DIM)));
    expect(query.vectors).toEqual(expected);
    const z = expected.map((vector) => Math.exp(logPartition(weights.history!.partition!, vector)));
    const largest = Math.max(...z.map((value) => 1 / value));
    expect(Math.max(...query.weights)).toBe(1);
    z.forEach((value, i) => {
      expect(query.weights[i]).toBeCloseTo(1 / value / largest, 5);
    });
  });

  it("leans its vectors towards their mean when it is tilted, and is then a file of version 3", () => {
    const straight = tower("mixture");
    const tilted = { ...straight, history: { ...straight.history!, tilt: 0.4 } };
    const bytes = writeQueryTower(tilted);
    expect([bytes, writeQueryTower(straight)].map((file) => new DataView(file.buffer).getUint32(4, true))).toEqual([
      3, 2,
    ]);
    const query = openQueryTower(bytes).embed({ history: ITEMS });
    const units = createQueryTower(straight).embed({ history: ITEMS });
    if (!query || !units || query instanceof Float32Array || units instanceof Float32Array)
      throw new Error("expected mixtures");
    const mean = Array.from({ length: DIM }, (_, d) => units.vectors.reduce((sum, unit) => sum + unit[d]! / 3, 0));
    query.vectors.forEach((vector, i) => {
      vector.forEach((value, d) => {
        expect(value).toBeCloseTo(units.vectors[i]![d]! + 0.4 * mean[d]!, 6);
      });
    });
    const logWeights = query.vectors.map((vector) => -logPartition(tilted.history.partition!, vector));
    query.weights.forEach((weight, i) => {
      expect(weight).toBeCloseTo(Math.exp(logWeights[i]! - Math.max(...logWeights)), 5);
    });
    const lying = bytes.slice();
    new DataView(lying.buffer).setUint32(4, 2, true);
    expect(() => readQueryTower(lying)).toThrow('"format version" expected 3 with such a header, got 2');
    expect(() => writeQueryTower({ ...tilted, history: { ...tilted.history, tilt: -1 } })).toThrow(
      '"history.tilt" expected a number of at least 0, got -1',
    );
  });

  it("sums the partition as its definition says, far from overflow too", () => {
    const { values, scales, bias } = tower("mixture").history!.partition!;
    const query = [0.5, -1, 2, 0.25];
    const terms = Array.from(bias, (start, k) =>
      Math.exp(start + scales[k]! * query.reduce((sum, x, d) => sum + x * values[k * DIM + d]!, 0)),
    );
    const sum = terms.reduce((total, term) => total + term, 0);
    expect(logPartition({ values, scales, bias }, query)).toBeCloseTo(Math.log(sum), 5);
    const high = bias.map((value) => value + 2000);
    expect(logPartition({ values, scales, bias: high }, query)).toBeCloseTo(Math.log(sum) + 2000, 2);
  });

  it("is nothing without items, or of zero vectors alone", () => {
    const query = createQueryTower(tower("mixture"));
    expect(query.embed({})).toBeUndefined();
    expect(query.embed({ history: new Float32Array(0) })).toBeUndefined();
    expect(query.embed({ history: new Float32Array(2 * DIM) })).toBeUndefined();
    expect(() => query.embed({ history: new Float32Array(DIM + 1) })).toThrow(
      '[query-tower] "history" expected a multiple of 4 numbers, got 5',
    );
  });
});

describe("a pooled history", () => {
  it.each(["mean", "attention"] as const)("goes through the layers with the context: %s", (form) => {
    const weights = tower(form);
    const query = createQueryTower(weights).embed({
      history: ITEMS,
      context: { device: "desk", page: "unseen", other: "x" },
    });
    const rows = [2, 3, 4].map((i) => ITEMS.subarray(i * DIM, (i + 1) * DIM));
    const logits = rows.map((row) =>
      form === "mean" ? 0 : row.reduce((sum, x, d) => sum + x * weights.history!.attention![d]!, 0),
    );
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    const input = Array.from(
      { length: DIM },
      (_, d) =>
        rows.reduce((sum, row, i) => sum + (Math.exp(logits[i]!) / total) * row[d]!, 0) +
        weights.contexts!.rows[DIM + d]!,
    );
    const expected = l2Normalize(mlp(weights.layers, input, true));
    (query as Float32Array).forEach((value, d) => {
      expect(value).toBeCloseTo(expected[d]!, 5);
    });
  });

  it("says what it reads", () => {
    expect(createQueryTower(tower("attention")).reads).toEqual({
      text: false,
      history: "attention",
      historyLength: 3,
      contexts: ["device", "page"],
    });
  });
});

describe("bytes of a tower with a history", () => {
  it.each(["mixture", "mean", "attention"] as const)("are read as they were written: %s", (form) => {
    const weights = tower(form);
    const bytes = writeQueryTower(weights);
    expect(readQueryTower(bytes)).toEqual(weights);
    expect(openQueryTower(bytes).embed({ history: ITEMS })).toEqual(
      createQueryTower(weights).embed({ history: ITEMS }),
    );
  });

  it("are refused when cut, and when the header says what cannot be", () => {
    const bytes = writeQueryTower(tower("mixture"));
    for (let length = 0; length < bytes.length; length += 7) {
      expect(() => readQueryTower(bytes.subarray(0, length))).toThrow("[query-tower]");
    }
    const refused: [object, string][] = [
      [
        { form: "sum", length: 3, scale: 7, numCenters: 0 },
        '"history.form" expected mixture, mean or attention, got sum',
      ],
      [{ form: "mean", length: 0, scale: 7, numCenters: 0 }, '"history.length" expected an integer in 1…65536, got 0'],
      [{ form: "mean", length: 3, scale: 0, numCenters: 0 }, '"history.scale" expected a positive number, got 0'],
      [
        { form: "mixture", length: 3, scale: 7, numCenters: 0 },
        '"history.numCenters" expected an integer in 1…65536, got 0',
      ],
    ];
    for (const [history, message] of refused)
      expect(() => readQueryTower(withHistory(bytes, history))).toThrow(message);
  });
});

/** The same bytes with another "history" in the header. */
function withHistory(bytes: Uint8Array, history: object): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(16, 16 + view.getUint32(8, true))));
  const json = new TextEncoder().encode(JSON.stringify({ ...header, history }));
  const changed = new Uint8Array(16 + json.length);
  changed.set(bytes.subarray(0, 16));
  changed.set(json, 16);
  new DataView(changed.buffer).setUint32(8, json.length, true);
  return changed;
}
