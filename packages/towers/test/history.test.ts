import { InputError } from "@poeem/pq-core";
import { describe, expect, it } from "vitest";
import {
  createQueryTower,
  type HistoryWeights,
  inputFacts,
  l2Normalize,
  logPartition,
  type MixtureQuery,
  mlp,
  type Query,
  type QueryTowerWeights,
  rowsOf,
  tiltToMean,
} from "../src/index.ts";
import { contextInput, DIM, floats, historyInput, historyTower, leaningTower, orderedTower } from "./helpers.ts";

const ITEMS = floats(5 * DIM, 8);
const NEWEST = rowsOf(ITEMS, DIM).slice(2);

function mixtureOf(weights: QueryTowerWeights, query: Query): MixtureQuery {
  const mixture = createQueryTower(weights).embed(query);
  if (!mixture || mixture instanceof Float32Array) throw new Error("expected a mixture");
  return mixture;
}

describe("the mixture of a history", () => {
  const partition = historyInput("mixture").partition!;

  it("has a unit vector per item, weighted by one over its partition sum", () => {
    const query = mixtureOf(historyTower("mixture"), { history: ITEMS });
    expect(query.temperature).toBe(7);
    const expected = NEWEST.map((item) => l2Normalize(item));
    expect(query.vectors).toEqual(expected);
    const z = expected.map((vector) => Math.exp(logPartition(partition, vector)));
    const largest = Math.max(...z.map((value) => 1 / value));
    expect(Math.max(...query.weights)).toBe(1);
    z.forEach((value, i) => {
      expect(query.weights[i]).toBeCloseTo(1 / value / largest, 5);
    });
  });

  it("leans its vectors towards their mean when it is tilted", () => {
    const query = mixtureOf(historyTower("mixture", 3, 0.4), { history: ITEMS });
    const units = NEWEST.map((item) => l2Normalize(item));
    const mean = Array.from({ length: DIM }, (_, d) => units.reduce((sum, unit) => sum + unit[d]! / 3, 0));
    query.vectors.forEach((vector, i) => {
      vector.forEach((value, d) => {
        expect(value).toBeCloseTo(units[i]![d]! + 0.4 * mean[d]!, 6);
      });
    });
    expect(query.vectors).toEqual(tiltToMean(units, 0.4));
    const logWeights = query.vectors.map((vector) => -logPartition(partition, vector));
    query.weights.forEach((weight, i) => {
      expect(weight).toBeCloseTo(Math.exp(logWeights[i]! - Math.max(...logWeights)), 5);
    });
  });

  it("weighs its items by rank and maps them where it has an order, so that a reversed history is another", () => {
    const query = mixtureOf(orderedTower(), { history: ITEMS });
    const { source, recency } = orderedTower().inputs[0] as HistoryWeights;
    const expected = NEWEST.map((item) =>
      l2Normalize(Float64Array.from(item, (_, d) => item.reduce((sum, x, i) => sum + x * source![i * DIM + d]!, 0))),
    );
    // the oldest of three is beyond the ranks that are told apart
    const logWeights = expected.map((vector, i) => recency![i === 2 ? 0 : 1]! - logPartition(partition, vector));
    expected.forEach((vector, i) => {
      vector.forEach((value, d) => {
        expect(query.vectors[i]![d]).toBeCloseTo(value, 6);
      });
      expect(query.weights[i]).toBeCloseTo(Math.exp(logWeights[i]! - Math.max(...logWeights)), 5);
    });
    const reversed = mixtureOf(orderedTower(), {
      history: Float32Array.from(NEWEST.toReversed().flatMap((x) => [...x])),
    });
    expect(reversed.vectors).toEqual(query.vectors.toReversed());
    expect(reversed.weights).not.toEqual(query.weights.toReversed());
  });

  it("sums the partition as its definition says, far from overflow too", () => {
    const { values, scales, bias } = partition;
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
    const query = createQueryTower(historyTower("mixture"));
    expect(query.embed({})).toBeUndefined();
    expect(query.embed({ history: new Float32Array(0) })).toBeUndefined();
    expect(query.embed({ history: new Float32Array(2 * DIM) })).toBeUndefined();
    expect(() => query.embed({ history: new Float32Array(DIM + 1) })).toThrow(
      '[towers] "history" expected a multiple of 4 numbers, got 5',
    );
  });

  it("leaves zero vectors out", () => {
    const zero = new Float32Array(DIM);
    const [a, , c] = NEWEST as [Float32Array, Float32Array, Float32Array];
    const holed = mixtureOf(historyTower("mixture"), { history: Float32Array.of(...a, ...zero, ...c) });
    expect(holed).toEqual(mixtureOf(historyTower("mixture"), { history: Float32Array.of(...a, ...c) }));
    const ordered = mixtureOf(orderedTower(), { history: Float32Array.of(...a, ...c, ...zero) });
    expect(ordered).toEqual(mixtureOf(orderedTower(), { history: Float32Array.of(...a, ...c) }));
  });

  it("answers alone, and not together with other parts, where it was not trained to", () => {
    const weights = historyTower("mixture");
    const tower = createQueryTower({ ...weights, inputs: [...weights.inputs, contextInput()] });
    expect(tower.mixture).toMatchObject({ part: "history", combines: false });
    expect(tower.reads.combines).toBe(false);
    const context = { device: "desk" };
    expect(tower.embed({ context })).toEqual(l2Normalize(contextInput().rows.subarray(DIM, 2 * DIM)));
    expect(tower.embed({ history: ITEMS, context: undefined })).toEqual(mixtureOf(weights, { history: ITEMS }));
    expect(() => tower.embed({ history: ITEMS, context })).toThrow(InputError);
    expect(() => tower.embed({ history: ITEMS, text: "red" })).toThrow('"history" cannot be combined');
  });
});

describe("a mixture beside a text and a context", () => {
  const text = "red cake";
  const context = { device: "desk" };
  const vectorOf = (lean: number, query: Query): Float32Array =>
    createQueryTower(leaningTower(lean)).embed(query) as Float32Array;
  /** score(x) = log Σ_j w_j exp(scale · q_j·x) of some random items. */
  const scoresOf = ({ vectors, temperature, weights }: MixtureQuery): number[] =>
    rowsOf(floats(40 * DIM, 60), DIM).map((item) => {
      const dots = vectors.map((vector) => vector.reduce((sum, x, d) => sum + x * item[d]!, 0));
      return Math.log(dots.reduce((sum, dot, j) => sum + weights[j]! * Math.exp(temperature * dot), 0));
    });

  it("leans from the vector of text and context to each component of the history", () => {
    const query = mixtureOf(leaningTower(0.6, 0.4), { text, context, history: ITEMS });
    const beside = vectorOf(0.6, { text, context });
    const components = tiltToMean(
      NEWEST.map((item) => l2Normalize(item)),
      0.4,
    );
    expect(query.temperature).toBe(7);
    expect(query.beside).toEqual(beside);
    const wanted = components.map((component) => [...component].map((value, d) => beside[d]! + 0.6 * value));
    query.vectors.forEach((vector, j) => {
      vector.forEach((value, d) => {
        expect(value).toBeCloseTo(wanted[j]![d]!, 6);
      });
    });
    expect(Math.max(...query.weights)).toBe(1);
  });

  it("scores as the text does, plus the logarithm of the taste", () => {
    const beside = vectorOf(1, { text });
    const taste = scoresOf(mixtureOf(leaningTower(1), { history: ITEMS }));
    const both = scoresOf(mixtureOf(leaningTower(1), { text, history: ITEMS }));
    const byText = scoresOf({ vectors: [beside], temperature: 7, weights: Float32Array.of(1) });
    both.forEach((score, i) => {
      expect(score).toBeCloseTo(byText[i]! + taste[i]!, 4);
    });
  });

  it("orders as the text alone where it does not lean", () => {
    const beside = vectorOf(0, { text });
    const scores = scoresOf(mixtureOf(leaningTower(0), { text, history: ITEMS }));
    const alone = scoresOf({ vectors: [beside], temperature: 7, weights: Float32Array.of(1) });
    scores.forEach((score, i) => {
      expect(score - alone[i]!).toBeCloseTo(scores[0]! - alone[0]!, 4);
    });
  });

  it("answers by each part alone as it does without the other", () => {
    const tower = createQueryTower(leaningTower(0.6, 0.4));
    expect(tower.reads).toMatchObject({ text: true, history: "mixture", combines: true });
    expect(tower.embed({ history: ITEMS })).toEqual(mixtureOf(historyTower("mixture", 3, 0.4), { history: ITEMS }));
    const pooled = createQueryTower(historyTower("mean"));
    for (const query of [{ text }, { context }, { text, context }])
      expect(tower.embed(query)).toEqual(pooled.embed(query));
  });

  it("answers by the part that is known where only one is", () => {
    const tower = createQueryTower(leaningTower(0.6));
    for (const other of [{ text: "zzz" }, { context: { device: "watch" } }])
      expect(tower.embed({ ...other, history: ITEMS })).toEqual(tower.embed({ history: ITEMS }));
    for (const history of [new Float32Array(0), new Float32Array(2 * DIM)])
      expect(tower.embed({ text, history })).toEqual(tower.embed({ text }));
    expect(tower.embed({ text: "zzz", history: new Float32Array(DIM) })).toBeUndefined();
  });
});

it("tells a person what it knows of the order of a history", () => {
  expect(inputFacts(orderedTower().inputs[0]!)).toMatchObject({
    history: "mixture, the newest 3 items",
    historyOrder: "weights from the newest 1.00, 0.50; a source map of 4 × 4",
  });
  expect(inputFacts(historyInput("mixture"))).toMatchObject({ historyOrder: undefined });
});

describe("a pooled history", () => {
  it.each(["mean", "attention"] as const)("goes through the layers with the context: %s", (form) => {
    const weights = historyTower(form);
    const context = { device: "desk", page: "unseen", other: "x" };
    const vector = createQueryTower(weights).embed({ history: ITEMS, context }) as Float32Array;
    const { attention } = historyInput(form);
    const logits = NEWEST.map((row) => (attention ? row.reduce((sum, x, d) => sum + x * attention[d]!, 0) : 0));
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    const input = Array.from(
      { length: DIM },
      (_, d) =>
        NEWEST.reduce((sum, row, i) => sum + (Math.exp(logits[i]!) / total) * row[d]!, 0) +
        contextInput().rows[DIM + d]!,
    );
    const expected = l2Normalize(mlp(weights.layers, input, true));
    vector.forEach((value, d) => {
      expect(value).toBeCloseTo(expected[d]!, 5);
    });
  });

  it("says what it reads", () => {
    const tower = createQueryTower(historyTower("attention"));
    expect(tower.reads).toEqual({
      text: true,
      history: "attention",
      historyLength: 3,
      isOrdered: false,
      embeddings: [],
      combines: true,
      contexts: ["device", "page"],
    });
    expect(tower.mixture).toBeUndefined();
  });
});
