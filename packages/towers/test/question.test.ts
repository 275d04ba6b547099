import { InputError, type ItemId, type Merge } from "@poeem/pq-core";
import { describe, expect, it } from "vitest";
import {
  createQueryTower,
  type HistoryForm,
  l2Normalize,
  logPartition,
  type MixtureQuery,
  mlp,
  planQuestion,
  type QueryTower,
  type Question,
  questionVectors,
  UNTRAINED_HISTORY,
} from "../src/index.ts";
import {
  contextInput,
  DIM,
  floats,
  historyInput,
  historyTower,
  leaningTower,
  textInput,
  textTower,
} from "./helpers.ts";

const COUNT = 200;
const VECTORS = floats(COUNT * DIM, 40);
VECTORS.fill(0, 7 * DIM, 8 * DIM);
const vectorOf = (id: string): Float32Array => VECTORS.subarray(Number(id) * DIM, (Number(id) + 1) * DIM);
const idsUpTo = (n: number, from = 0): string[] => Array.from({ length: n }, (_, i) => String(from + i));

const ITEMS = {
  manifest: { dim: DIM, idType: "string" as const },
  ordinals: async (ids: readonly ItemId[]) =>
    Int32Array.from(ids, (id) => (Number(id) >= 0 && Number(id) < COUNT ? Number(id) : -1)),
  vectors: async (ordinals: ArrayLike<number>) =>
    Float32Array.from(Array.from(ordinals).flatMap((ordinal) => [...vectorOf(String(ordinal))])),
};

const towerOf = (form: HistoryForm, length?: number): QueryTower => createQueryTower(historyTower(form, length));
const plainText = { ...historyTower("mean"), inputs: [textInput(), contextInput()] };
const MEAN = towerOf("mean");
const MIXTURE = towerOf("mixture");
const WITHOUT_HISTORY = createQueryTower(plainText);

/** The mean of the items, weighted by `shares`, through the layers of a pooled tower, in plain loops. */
function pooled(form: HistoryForm, ids: readonly string[]): Float32Array {
  const { attention } = historyInput(form);
  const shares = ids.map((id) =>
    attention ? Math.exp(vectorOf(id).reduce((sum, x, d) => sum + x * attention[d]!, 0)) : 1,
  );
  const total = shares.reduce((sum, share) => sum + share, 0);
  const sum = new Float64Array(DIM);
  ids.forEach((id, i) => {
    for (let d = 0; d < DIM; d++) sum[d]! += (shares[i]! / total) * vectorOf(id)[d]!;
  });
  return l2Normalize(mlp(historyTower(form).layers, sum, true));
}

function expectClose(got: readonly Float32Array[] | undefined, expected: readonly ArrayLike<number>[]): void {
  expect(got).toHaveLength(expected.length);
  expected.forEach((vector, i) => {
    for (let d = 0; d < DIM; d++) expect(got![i]![d]).toBeCloseTo(vector[d]!, 5);
  });
}

describe("a history longer than what is read", () => {
  const cases = [3, 100].flatMap((length) =>
    [length - 1, length, length + 1, 150].map((asked) => [length, asked] as const),
  );

  it.each(cases)("of a tower of %d items, asked with %d: exactly the newest of them", async (length, asked) => {
    const history = idsUpTo(asked, 10);
    const newest = history.filter((_, i) => i >= asked - length);
    for (const form of ["mixture", "mean", "attention"] as const) {
      const tower = towerOf(form, length);
      const plan = planQuestion(tower, DIM, { history });
      expect(plan.read).toEqual(newest);
      expect(plan.readFor).toBe("history");
      expect(plan.exclude).toEqual(history);
      const answer = await questionVectors(ITEMS, tower, { history });
      expect(answer?.exclude).toEqual(history);
      if (form !== "mixture") {
        expectClose(answer?.vectors, [pooled(form, newest)]);
        expect(answer?.merge).toBeUndefined();
        continue;
      }
      const units = newest.map((id) => l2Normalize(vectorOf(id)));
      expectClose(answer?.vectors, units);
      const inverse = units.map((unit) => 1 / Math.exp(logPartition(historyInput("mixture").partition!, unit)));
      const { weights, ...merge } = answer!.merge as Extract<Merge, { by: "sumExp" }>;
      expect(merge).toEqual({ by: "sumExp", temperature: 7, exact: false });
      expect(weights).toHaveLength(newest.length);
      inverse.forEach((value, i) => {
        expect(weights![i]).toBeCloseTo(value / Math.max(...inverse), 5);
      });
    }
  });

  it.each([
    ["that reads no history", WITHOUT_HISTORY],
    ["that is not there", undefined],
  ])("of a tower %s: the newest 50, each an interest of its own", async (_, tower) => {
    expect(UNTRAINED_HISTORY).toBe(50);
    const history = idsUpTo(150);
    expect(planQuestion(tower, DIM, { history }).read).toEqual(idsUpTo(50, 100));
    const answer = await questionVectors(ITEMS, tower, { history });
    expect(answer).toEqual({ vectors: idsUpTo(50, 100).map(vectorOf), exclude: history });
  });

  it("counts what comes again once, where it comes last, if the tower knows of order; else each time", () => {
    const ordered = createQueryTower({
      ...historyTower("mixture"),
      inputs: [{ ...historyInput("mixture"), recency: Float32Array.of(0, -1) }],
    });
    const history = ["5", "4", "5", "3", "5", "5"];
    expect(planQuestion(ordered, DIM, { history }).read).toEqual(["4", "3", "5"]);
    expect(planQuestion(MIXTURE, DIM, { history }).read).toEqual(["3", "5", "5"]);
    expect(planQuestion(undefined, DIM, { history }).read).toEqual(history);
  });

  it("takes numbers for ids, where the caller has numbers", () => {
    const plan = planQuestion(MEAN, DIM, { history: [4, 5, 6, 7] });
    expect(plan.read).toEqual([5, 6, 7]);
    expect(plan.exclude).toEqual([4, 5, 6, 7]);
  });
});

describe("a question of other parts", () => {
  it("of an item: its vector, and not the item itself", async () => {
    for (const tower of [MIXTURE, MEAN, undefined])
      expect(await questionVectors(ITEMS, tower, { like: "11" })).toEqual({
        vectors: [vectorOf("11")],
        exclude: ["11"],
      });
    expect(planQuestion(undefined, DIM, { like: "11" })).toMatchObject({ read: ["11"], readFor: "like" });
  });

  it("of a vector: itself", async () => {
    const vector = floats(DIM, 50);
    const none = { ...ITEMS, ordinals: () => Promise.reject(new Error("no item is asked for")) };
    for (const tower of [MIXTURE, MEAN, undefined])
      expect(await questionVectors(none, tower, { vector })).toEqual({ vectors: [vector], exclude: [] });
  });

  it("of text, context and history: what the tower makes of them", async () => {
    const parts = { text: "red cake", context: { device: "desk" } };
    const history = idsUpTo(5, 20);
    const items = Float32Array.from(history.slice(2).flatMap((id) => [...vectorOf(id)]));
    const answers: [Question<ItemId>, Float32Array][] = [
      [{ text: "red cake" }, MEAN.embed({ text: "red cake" }) as Float32Array],
      [{ context: parts.context }, MEAN.embed({ context: parts.context }) as Float32Array],
      [parts, MEAN.embed(parts) as Float32Array],
      [{ ...parts, history }, MEAN.embed({ ...parts, history: items }) as Float32Array],
    ];
    for (const [question, vector] of answers)
      expect(await questionVectors(ITEMS, MEAN, question)).toEqual({
        vectors: [vector],
        exclude: question.history ?? [],
      });
    expect(new Set(answers.map(([, vector]) => vector.join())).size).toBe(4);
  });

  it("of text, context and history of a mixture that leans: a vector an item, and the text's beside", async () => {
    const tower = createQueryTower(leaningTower(0.5));
    const parts = { text: "red cake", context: { device: "desk" } };
    const history = idsUpTo(5, 20);
    const items = Float32Array.from(history.slice(2).flatMap((id) => [...vectorOf(id)]));
    const { vectors, weights } = tower.embed({ ...parts, history: items }) as MixtureQuery;
    expect(await questionVectors(ITEMS, tower, { ...parts, history })).toEqual({
      ...{ vectors, exclude: history, beside: tower.embed(parts) },
      merge: { by: "sumExp", temperature: 7, weights, exact: false },
    });
    expect(await questionVectors(ITEMS, tower, { context: parts.context })).toEqual({
      vectors: [tower.embed({ context: parts.context })],
      exclude: [],
    });
  });

  it("may have parts that are undefined", async () => {
    const question = { text: undefined, history: ["3"], context: undefined, like: undefined, vector: undefined };
    expect(await questionVectors(ITEMS, MIXTURE, question)).toEqual(
      await questionVectors(ITEMS, MIXTURE, { history: ["3"] }),
    );
  });
});

describe("a question of which nothing is known", () => {
  // item 7 is the zero vector
  const questions: [string, QueryTower | undefined, Question<ItemId>][] = [
    ["text without a known word", MEAN, { text: "!!!" }],
    ["an empty text", MEAN, { text: "" }],
    ["a context of an unknown value", MEAN, { context: { device: "watch" } }],
    ["a context of no columns", MEAN, { context: {} }],
    ["a context of no columns, without a tower", undefined, { context: {} }],
    ["a history of a zero vector, mixture", MIXTURE, { history: ["7"] }],
    ["a history of a zero vector, mean", MEAN, { history: ["7"] }],
  ];
  it.each(questions)("has no vectors: %s", async (_, tower, question) =>
    expect(await questionVectors(ITEMS, tower, question)).toBeUndefined(),
  );

  // by l2 a zero vector is a vector like any other
  const asked: [string, QueryTower | undefined, Question<ItemId>][] = [
    ["a history, without a tower", undefined, { history: ["7"] }],
    ["an item", MEAN, { like: "7" }],
    ["a vector", MEAN, { vector: new Float32Array(DIM) }],
  ];
  it.each(asked)("takes a zero vector that is no tower's: %s", async (_, tower, question) =>
    expect((await questionVectors(ITEMS, tower, question))!.vectors).toEqual([new Float32Array(DIM)]),
  );
});

describe("a part that no input reads", () => {
  it.each([[undefined], [MEAN], [MIXTURE]])("is refused by its name, whatever else is asked", (tower) => {
    const question = { vector: undefined, context: {}, image: "x" } as unknown as Question<ItemId>;
    const error = (() => {
      try {
        planQuestion(tower, DIM, question);
      } catch (thrown) {
        return thrown as InputError;
      }
      return undefined;
    })();
    expect(error).toBeInstanceOf(InputError);
    expect(error!.parameter).toBe("image");
  });
});

describe("a question that cannot be answered", () => {
  const vector = new Float32Array(DIM).fill(1);
  const history = ["1", "2"];
  const noText = "cannot be used: this index was published without a query tower that reads text";
  const alone = "cannot be combined: the model of this index reads a history by itself";
  const untrained =
    "cannot be combined: the model of this index was not trained on histories, which are searched item by item";
  const mixtureAndContext = createQueryTower({
    ...historyTower("mixture"),
    inputs: [historyInput("mixture"), contextInput()],
  });
  const mixtureAndText = createQueryTower({
    ...historyTower("mixture"),
    inputs: [textInput(), historyInput("mixture")],
  });
  const map = { values: new Float32Array(2 * DIM).fill(1), bias: new Float32Array(DIM) };
  const EMBEDDING = createQueryTower({
    ...{ width: DIM, layers: [], skip: false },
    inputs: [{ kind: "embedding", columns: [{ name: "vec", length: 2, map }] }],
  });
  const refused: [string, QueryTower | undefined, Question<ItemId>, string, string][] = [
    ["nothing", MEAN, {}, "question", "expected text, history, context, embedding, like or vector, got none of them"],
    [
      "nothing but undefined",
      MEAN,
      { text: undefined },
      "question",
      "expected text, history, context, embedding, like or vector, got none of them",
    ],
    ["text without a tower", undefined, { text: "red" }, "text", noText],
    [
      "text of a tower that reads none",
      MIXTURE,
      { text: "red" },
      "text",
      "cannot be used: this index reads no text, only histories: use history instead",
    ],
    [
      "text with a history of a tower that reads no text",
      MIXTURE,
      { text: "red", history },
      "text",
      "cannot be used: this index reads no text, only histories: leave it out",
    ],
    [
      "text without the embedding of a tower that reads no text",
      EMBEDDING,
      { text: "red" },
      "text",
      "cannot be used: this index reads no text, only embeddings (vec): use embedding instead",
    ],
    ["an embedding of another length", EMBEDDING, { embedding: vector }, "embedding", "expected 2 numbers, got 4"],
    [
      "an embedding of a tower that reads none",
      MEAN,
      { embedding: vector },
      "embedding",
      "cannot be used: this index reads no embedding, only histories and the context (device, page): " +
        "use history instead",
    ],
    [
      "an embedding beside a vector",
      EMBEDDING,
      { embedding: vector, vector },
      "vector",
      "expected vector alone, got embedding and vector",
    ],
    ["an empty history", MEAN, { history: [] }, "history", "expected at least one id, got none"],
    ["an empty history without a tower", undefined, { history: [] }, "history", "expected at least one id, got none"],
    [
      "an unknown column",
      MEAN,
      { context: { device: "desk", time: "noon" } },
      "context.time",
      "is unknown; the model of this index reads device, page",
    ],
    [
      "a column without a tower",
      undefined,
      { context: { device: "desk" } },
      "context.device",
      "is unknown; the model of this index reads none",
    ],
    [
      "a column of a tower that reads none",
      createQueryTower(textTower()),
      { context: { device: "desk" } },
      "context.device",
      "is unknown; the model of this index reads none",
    ],
    [
      "a context of a mixture",
      mixtureAndContext,
      { context: { device: "desk" } },
      "context",
      "cannot be used: the model of this index reads nothing with a history",
    ],
    [
      "a history and a context of a mixture",
      mixtureAndContext,
      { history, context: { device: "desk" } },
      "history",
      alone,
    ],
    ["a history and text of a mixture", mixtureAndText, { history, text: "red" }, "history", alone],
    [
      "a history and text of a tower that reads no history",
      WITHOUT_HISTORY,
      { history, text: "red" },
      "history",
      untrained,
    ],
    [
      "a history and a context of a tower that reads no history",
      WITHOUT_HISTORY,
      { history, context: { device: "desk" } },
      "history",
      untrained,
    ],
    ["an item and text", MEAN, { text: "red", like: "1" }, "like", "expected like alone, got text and like"],
    ["an item and a history", MEAN, { history, like: "1" }, "like", "expected like alone, got history and like"],
    ["an item and a vector", MEAN, { like: "1", vector }, "like", "expected like alone, got like and vector"],
    ["a vector and a history", MEAN, { vector, history }, "vector", "expected vector alone, got vector and history"],
    [
      "a vector and a context",
      MEAN,
      { vector, context: {} },
      "vector",
      "expected vector alone, got vector and context",
    ],
    [
      "a short vector",
      MEAN,
      { vector: vector.subarray(1) },
      "vector",
      "expected 4 numbers, the dim of this index, got 3",
    ],
    ["an unknown item", MEAN, { like: "x" }, "like", 'expected ids of items of this index, got "x"'],
    [
      "an unknown item of a history",
      MEAN,
      { history: ["1", "999", "x"] },
      "history",
      'expected ids of items of this index, got "999"',
    ],
    [
      "an unknown item of a history without a tower",
      undefined,
      { history: [1, 201] },
      "history",
      'expected ids of items of this index, got "201"',
    ],
    [
      "a long unknown id",
      MEAN,
      { like: "x".repeat(50) },
      "like",
      `expected ids of items of this index, got "${"x".repeat(40)}…"`,
    ],
  ];
  it.each(refused)("names the part at fault: %s", async (_, tower, question, parameter, detail) => {
    const error = await questionVectors(ITEMS, tower, question).catch((reason) => reason);
    expect(error).toBeInstanceOf(InputError);
    expect({ parameter: error.parameter, detail: error.detail }).toEqual({ parameter, detail });
    expect(error.message).toBe(`"${parameter}" ${detail}`);
  });

  it("does not mind unknown items of a history that are not read", async () => {
    const answer = await questionVectors(ITEMS, MEAN, { history: ["x", "1", "2", "3"] });
    expect(answer?.exclude).toEqual(["x", "1", "2", "3"]);
    expectClose(answer?.vectors, [pooled("mean", ["1", "2", "3"])]);
  });
});
