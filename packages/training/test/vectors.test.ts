import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Random } from "@poeem/indexing-layer";
import { adcKernel } from "@poeem/offline/index-folder/kernel";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { openArtifact } from "@poeem/pq-core";
import { compactArtifact, decode, writeDelta } from "@poeem/pq-core/write";
import { fnv1a32, openQueryTower } from "@poeem/towers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import { encodeLearned, learnCodes } from "../src/codes/learn.ts";
import { spaceError } from "../src/codes/score-error.ts";
import { type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { readChangedItems } from "../src/encode/changed-items.ts";
import { formatEvaluation } from "../src/evaluate/print.ts";
import { evaluateIndex } from "../src/evaluate-index.ts";
import { trainIndex } from "../src/train-index.ts";
import { dimOf } from "../src/vectors/space.ts";
import { sampleStream, type VectorStream } from "../src/vectors/stream.ts";

// each trains an index or two
vi.setConfig({ testTimeout: 120_000 });

beforeAll(async () => {
  await useBackend("wasm");
});

const COUNT = 400;

/** Vectors around centres, with directions that matter less and less; queries keep to a few of the directions. */
function world(length: number, seed = 1, count = COUNT) {
  const random = new Random(seed);
  const row = (scale: (d: number) => number) => Array.from({ length }, (_, d) => scale(d) * random.normal());
  const centres = Array.from({ length: 12 }, () => row((d) => 1 / (1 + d / 8)));
  const items = Array.from({ length: count }, () => {
    const centre = centres[random.integer(centres.length)]!;
    const noise = row(() => 0.35);
    return centre.map((value, d) => value + noise[d]!);
  });
  const queries = Array.from({ length: 150 }, () => {
    const near = items[random.integer(count)]!;
    const noise = row((d) => (d < length / 4 ? 0.6 : 0.1));
    return near.map((value, d) => (d < length / 4 ? 2 : 0.5) * value + noise[d]!);
  });
  return { items, queries };
}

const scoreOf = {
  innerProduct: (q: ArrayLike<number>, x: ArrayLike<number>) => dot(q, x),
  cosine: (q: ArrayLike<number>, x: ArrayLike<number>) => dot(q, x) / Math.sqrt(dot(q, q) * dot(x, x)),
  l2: (q: ArrayLike<number>, x: ArrayLike<number>) => 2 * dot(q, x) - dot(x, x) - dot(q, q),
};

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += a[d]! * b[d]!;
  return sum;
}

const toLine = (row: object): string => `${JSON.stringify(row)}\n`;

async function train(config: object, items: object[], queries?: object[]) {
  const directory = await mkdtemp(join(tmpdir(), "poeem-vectors-"));
  const write = (name: string, rows: object[]): Promise<void> =>
    writeFile(join(directory, name), rows.map(toLine).join(""));
  await write("items.jsonl", items);
  if (queries) await write("queries.jsonl", queries);
  const data = {
    items: "SELECT * FROM 'items.jsonl'",
    ...(queries && { queries: "SELECT * FROM 'queries.jsonl'" }),
  };
  await writeFile(
    join(directory, "poeem.config.mjs"),
    `export default ${JSON.stringify({ name: "t", data, items: { embeddings: ["vec"] }, ...config })}`,
  );
  const said: string[] = [];
  const file = join(directory, "poeem.config.mjs");
  const options = { backend: "wasm", checkpointEvery: 60, say: (line: string) => said.push(line) } as const;
  const trained = await trainIndex({ config: file, ...options });
  return { trained, said, file, index: await openIndexDirectory(trained.out) };
}

const rowsOf = (items: number[][]): object[] => items.map((vec, i) => ({ id: `i${i}`, title: `item ${i}`, vec }));

describe("vectors alone", () => {
  for (const metric of ["innerProduct", "cosine", "l2"] as const) {
    it(`are found by ${metric}, asked with vectors as they were given, and encoded when they are new`, async () => {
      // 18 numbers: no multiple of the codes
      const { items, queries } = world(18);
      const { index, trained } = await train(
        { index: { metric, numSubQuantizers: 16, nbits: 4, nlist: 4, nprobe: 4 } },
        rowsOf(items),
      );
      const tower = openQueryTower((await index.queryTower())!);
      const decoded = await index.vectors(Uint32Array.from(items.keys()));
      const { terms } = await index.codes(Uint32Array.from(items.keys()));
      let shared = 0;
      for (const query of queries) {
        const embedding = Float32Array.from(query);
        const vector = tower.embed({ embedding }) as Float32Array;
        const { ordinals } = await index.search(vector, { k: 10 });
        // codes of unit vectors are compared by inner products, and by l2 items have terms
        const scores = items.map((_, at) => {
          const product = dot(vector, decoded.subarray(at * vector.length, (at + 1) * vector.length));
          return terms ? 2 * product - terms[at]! : product;
        });
        const order = Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]!);
        expect(new Set(ordinals)).toEqual(new Set(order.slice(0, 10)));
        const exact = items
          .map((item, i) => ({ id: `i${i}`, score: scoreOf[metric](query, item) }))
          .sort((a, b) => b.score - a.score)
          .slice(0, 10);
        const found = new Set(await index.ids(ordinals));
        shared += exact.filter(({ id }) => found.has(id)).length;
      }
      expect(shared / queries.length / 10).toBeGreaterThan(0.6);
      const file = join(dirname(trained.out), "new.jsonl");
      await writeFile(
        file,
        items
          .slice(0, 9)
          .map((vec, i) => JSON.stringify({ id: `n${i}`, title: "", vec }))
          .join("\n"),
      );
      const changed = await readChangedItems(index, { index: trained.out, items: file });
      // new items get the codes that the same ones got in training
      const { codes, assignments, terms: own } = await index.codes(Uint32Array.from(items.keys()));
      const ids = await index.ids(Uint32Array.from(items.keys()));
      for (let i = 0; i < 9; i++) {
        const at = ids.indexOf(`i${i}`);
        expect(changed!.assignments[i]).toBe(assignments[at]);
        expect(changed!.codes.subarray(i * 16, (i + 1) * 16)).toEqual(codes.subarray(at * 16, (at + 1) * 16));
        expect(changed!.terms?.[i]).toBe(own?.[at]);
      }
    });
  }

  it("say which encoder made them, without sample queries", async () => {
    const { items } = world(8, 2, 40);
    const { index } = await train({ queries: { encoder: "e" }, index: { nbits: 4, nlist: 0 } }, rowsOf(items));
    expect(openQueryTower((await index.queryTower())!).reads.embeddings).toEqual([
      { name: "vec", encoder: "e", length: 8 },
    ]);
  });

  it("refuse sample queries of another length, and more cells than items", async () => {
    const { items, queries } = world(8, 2, 40);
    const asked = queries.map((vec, i) => ({ query: `q${i}`, vec: vec.slice(1) }));
    await expect(train({ queries: { embeddings: ["vec"] } }, rowsOf(items), asked)).rejects.toThrow(
      "data.queries: expected vectors of 8 numbers in column vec, as those of the items, got 7",
    );
    await expect(train({ index: { nlist: 41 } }, rowsOf(items))).rejects.toThrow(
      "index.nlist: expected at most the number of items (40), got 41",
    );
  });

  it("are the same index in whatever order the rows come, with leading components where asked for fewer", async () => {
    const { items, queries } = world(24, 3, 60);
    const asked = queries.map((vec, i) => ({ query: `q${i}`, vec }));
    const config = { queries: { embeddings: ["vec"], encoder: "e" }, model: { dim: 16 }, index: { nbits: 4 } };
    const one = await train(config, rowsOf(items), asked);
    const other = await train(config, rowsOf(items).reverse(), asked);
    expect(other.trained.version).toBe(one.trained.version);
    expect(one.index.manifest.dim).toBe(16);
    expect(one.said).toContain("model.dim 16: the leading components are kept");
    expect(openQueryTower((await one.index.queryTower())!).reads.embeddings).toEqual([
      { name: "vec", encoder: "e", length: 24 },
    ]);
  });
});

describe("evaluating vectors alone", () => {
  const evaluate = (file: string, index: string) =>
    evaluateIndex({ config: file, index, queries: 1000, backend: "wasm" });

  it("asks held-out sample queries, and finds by all cells what codes keep of the exact top 10", async () => {
    const { items, queries } = world(16, 5);
    const asked = queries.map((vec, i) => ({ query: `q${i}`, vec }));
    const metric = "l2";
    const { trained, file, index } = await train(
      { queries: { embeddings: ["vec"] }, index: { metric, nbits: 4, nlist: 4 }, split: { testModulus: 4 } },
      rowsOf(items),
      asked,
    );
    const { rows, heldOut, queries: ranked } = await evaluate(file, trained.out);
    expect(trained.data.trainingQueries + heldOut).toBe(queries.length);
    expect(ranked).toBe(heldOut);
    const [exact, ...others] = rows;
    expect(exact).toMatchObject({ kind: "dense", recallAt10: 1, scanned: 1 });
    expect(others.map(({ nprobe }) => nprobe)).toEqual([1, 2, 4]);
    const tower = openQueryTower((await index.queryTower())!);
    const held = asked.filter(({ query }) => fnv1a32(query) % 4 === 0).sort((a, b) => (a.query < b.query ? -1 : 1));
    expect(held).toHaveLength(heldOut);
    let shared = 0;
    for (const { vec } of held) {
      const vector = tower.embed({ embedding: Float32Array.from(vec) }) as Float32Array;
      const { ordinals } = await index.search(vector, { k: 10, nprobe: 4 });
      const best = items.map((item, i) => ({ id: `i${i}`, score: scoreOf[metric](vec, item) }));
      best.sort((a, b) => b.score - a.score);
      const found = new Set(await index.ids(ordinals));
      shared += best.slice(0, 10).filter(({ id }) => found.has(id)).length / 10;
    }
    expect(others.at(-1)!.overlapAt10).toBeCloseTo(shared / held.length, 6);
  });

  it("asks items where there are no queries, each for the others, and refuses other data", async () => {
    const { items } = world(16, 6, 60);
    const { trained, file } = await train({ index: { nlist: 0, nbits: 4 } }, rowsOf(items));
    const { rows, heldOut } = await evaluate(file, trained.out);
    expect(heldOut).toBe(60);
    expect(rows.map(({ kind }) => kind)).toEqual(["dense", "index"]);
    expect(rows[1]!.overlapAt10).toBeGreaterThan(0.9);
    await writeFile(
      join(dirname(file), "items.jsonl"),
      rowsOf(items.toSpliced(0, 1, items[1]!))
        .map(toLine)
        .join(""),
    );
    await expect(evaluate(file, trained.out)).rejects.toThrow("data.items gives other rows");
  });
});

describe("vectors alone that visit cells by their spread", () => {
  it("visit as many as were asked for, or as hold what an eighth of the cells do, and the index says so", async () => {
    const { items } = world(16, 8, 600);
    const index = { nlist: 16, nbits: 4 } as const;
    const asked = await train({ index: { ...index, nprobe: 3 } }, rowsOf(items));
    expect(asked.index.manifest.defaultNprobe).toBe(3);
    const usual = await train({ index }, rowsOf(items));
    const { defaultNprobe, training } = usual.index.manifest;
    // few vectors are all visited
    expect(defaultNprobe).toBe(16);
    expect((training as { config: { index: { nprobe: number } } }).config.index.nprobe).toBe(16);
    // more than there are
    const many = await train({ index: { nbits: 4, nprobe: 64 } }, rowsOf(items));
    expect(many.index.manifest.defaultNprobe).toBe(Math.max(1, many.index.manifest.nlist));
  });

  it("take items from all of a sample for queries, whatever their order", async () => {
    const dim = 8;
    const random = new Random(4);
    // more than are taken, and not twice as many; the halves have nothing in common
    const count = 30_000;
    const half = (from: number): number[][] =>
      Array.from({ length: count / 2 }, () => {
        const row = Array.from({ length: dim }, (_, d) => (d === from ? 3 : 0) + 0.3 * random.normal());
        return row.map((value) => value / Math.sqrt(dot(row, row)));
      });
    const { moment } = await spaceError("cosine", dim, Float32Array.from([...half(0), ...half(1)].flat()), undefined);
    const [first, second] = [moment![0]!, moment![dim + 1]!];
    expect(first / second).toBeGreaterThan(0.95);
    expect(first / second).toBeLessThan(1.05);
    expect(first).toBeGreaterThan(5 * moment![2 * (dim + 1)]!);
  });
});

describe("an index that was changed since its training", () => {
  it("says how many items it lacks, which count as not found, and how many are new", async () => {
    const { items } = world(16, 7, 80);
    const { trained, file, index } = await train({ index: { nlist: 0, nbits: 4 } }, rowsOf(items));
    const evaluate = (folder: string) => evaluateIndex({ config: file, index: folder, queries: 80, backend: "wasm" });
    const whole = await evaluate(trained.out);
    expect(whole.changed).toBeUndefined();
    expect(formatEvaluation(whole)).not.toContain("was changed");
    const remove = Array.from({ length: 8 }, (_, i) => `i${10 * i}`);
    const codes = await index.codes(Uint32Array.of(0, 1));
    const added = {
      ids: ["new 1", "new 2"],
      ...codes,
      fields: [{ title: "one" }, { title: "two" }],
      facets: {},
      numbers: {},
    };
    const delta = await writeDelta(index, { items: added, remove });
    const own = new Map(delta.chunks.map(({ key, bytes }) => [key, bytes]));
    const source = {
      get: async (key: string) => own.get(key) ?? new Uint8Array(await readFile(join(trained.out, key))),
    };
    const changed = await openArtifact(source, delta.manifestBytes, { kernel: await adcKernel() });
    const compacted = join(dirname(file), "compacted");
    await writeIndexDirectory(compacted, await compactArtifact(changed), {});
    const result = await evaluate(compacted);
    expect(result.changed).toEqual({ removed: 8, added: 2 });
    expect(result.rows[1]!.recallAt10!).toBeLessThan(0.95 * whole.rows[1]!.recallAt10!);
    expect(formatEvaluation(result)).toContain(
      "the catalogue was changed since the training: 8 of the 80 items are not in the index and count as not found, " +
        "and 2 that the data have not are",
    );
  });
});

describe("codes of vectors alone", () => {
  const dim = 32;
  const { items, queries } = world(dim, 4, 600);
  const flat = (rows: number[][]): Float32Array => Float32Array.from(rows.flat());
  const unit = (rows: number[][]): number[][] =>
    rows.map((row) => row.map((value) => value / Math.sqrt(dot(row, row))));
  const shape = { dim, nlist: 4, numSubQuantizers: 8, nbits: 4, metric: "cosine", seed: 1 } as const;

  /** Mean squared error of the scores of the ten best items. */
  async function errorOfBest(scoreAware: boolean, sample?: number[][]): Promise<number> {
    const rows = unit(items);
    const learned = await learnCodes(flat(rows), sample && flat(unit(sample)), { ...shape, scoreAware });
    const { assignments, codes } = await encodeLearned(learned, flat(rows));
    const decoded = decode(learned.codebook, assignments, codes);
    let total = 0;
    const held = unit(queries.slice(75));
    for (const query of held) {
      const exact = rows.map((row, i) => ({ i, score: dot(query, row) })).sort((a, b) => b.score - a.score);
      for (const { i, score } of exact.slice(0, 10))
        total += (score - dot(query, decoded.subarray(i * dim, (i + 1) * dim))) ** 2 / 10 / held.length;
    }
    return total;
  }

  it("keep the scores of the best items better by their errors, and better still with sample queries", async () => {
    const plain = await errorOfBest(false);
    const aware = await errorOfBest(true);
    const asked = await errorOfBest(true, queries.slice(0, 75));
    expect(aware).toBeLessThan(0.9 * plain);
    expect(asked).toBeLessThan(0.95 * aware);
  });
});

describe("codes of vectors that have most in common", () => {
  it("tell them apart without any query, as an error in what they share is one of every score", async () => {
    const [dim, count] = [16, 400];
    const random = new Random(3);
    const shared = Array.from({ length: dim }, () => random.normal());
    const make = (n: number): number[][] =>
      Array.from({ length: n }, () => {
        const row = shared.map((value) => value + 0.1 * random.normal());
        return row.map((value) => value / Math.sqrt(dot(row, row)));
      });
    const [items, queries] = [make(count), make(60)];
    const vectors = Float32Array.from(items.flat());
    const bestOf = (query: number[], of: Float32Array): number[] => {
      const scores = items.map((_, i) => dot(query, of.subarray(i * dim, (i + 1) * dim)));
      return [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!).slice(0, 10);
    };
    const overlapOf = async (scoreAware: boolean): Promise<number> => {
      const shape = { dim, nlist: 4, numSubQuantizers: 8, nbits: 4, metric: "cosine", seed: 1, scoreAware } as const;
      const learned = await learnCodes(vectors, undefined, shape);
      const { assignments, codes } = await encodeLearned(learned, vectors);
      const decoded = decode(learned.codebook, assignments, codes);
      const found = queries.map((query) => {
        const exact = new Set(bestOf(query, vectors));
        return bestOf(query, decoded).filter((item) => exact.has(item)).length / 10;
      });
      return found.reduce((sum, share) => sum + share, 0) / found.length;
    };
    expect(await overlapOf(true)).toBeGreaterThan(2 * (await overlapOf(false)));
    expect(await overlapOf(true)).toBeGreaterThan(0.5);
  });
});

describe("vectors in the order of their variances", () => {
  it("lose no more to codes than in any other order", async () => {
    const dim = 32;
    const random = new Random(1);
    const sorted = Float32Array.from({ length: 500 * dim }, (_, at) => random.normal() / (1 + (at % dim)));
    const shape = { dim, nlist: 2, numSubQuantizers: 8, nbits: 4, metric: "l2", scoreAware: false } as const;
    const errorOf = async (vectors: Float32Array): Promise<number> => {
      const learned = await learnCodes(vectors, undefined, { ...shape, seed: 1 });
      const { assignments, codes } = await encodeLearned(learned, vectors);
      const decoded = decode(learned.codebook, assignments, codes);
      return decoded.reduce((sum, value, i) => sum + (value - vectors[i]!) ** 2, 0);
    };
    // each eighth number beside the others of its kind, so that all start alike
    const dealt = sorted.map((_, at) => sorted[at - (at % dim) + ((at % 4) * 8 + Math.floor((at % dim) / 4))]!);
    const [error, other] = [await errorOf(sorted), await errorOf(dealt)];
    expect(error).toBeLessThan(1.1 * other);
  });
});

describe("the configuration of vectors alone", () => {
  const base = { name: "t", data: { items: "-" }, items: { embeddings: ["v"] } };
  const cases: [string, Partial<PoeemConfigInput>, string][] = [
    ["two columns", { items: { embeddings: ["v", "w"] } }, "items.embeddings expected one column without data.events"],
    [
      "categories",
      { items: { embeddings: ["v"], categories: ["c"] } },
      'items.categories expected data.events to learn from, got none for "c"',
    ],
    [
      "a metric beside texts",
      { items: { embeddings: ["v"], text: ["t"] }, index: { metric: "l2" } },
      "index.metric is for vectors alone",
    ],
    ["epochs", { training: { epochs: 2 } }, "training.epochs expected data.events or items.text, got vectors alone"],
    ["a commitment", { index: { commitment: 1 } }, "index.commitment expected data.events or items.text"],
    ["a width that codes do not divide", { model: { dim: 30 } }, "model.dim expected a multiple of"],
    [
      "two columns of queries",
      { data: { items: "-", queries: "-" }, queries: { embeddings: ["a", "b"] } },
      "queries.embeddings expected one column, as items.embeddings, got 2",
    ],
  ];
  for (const [name, overrides, message] of cases) {
    it(`refuses ${name}`, () => {
      expect(() => resolveConfig({ ...base, ...overrides }, "test")).toThrow(message);
    });
  }

  it("has 16 codes of 8 bits, and those of a training with texts are as they were", () => {
    expect(resolveConfig(base, "test").index).toMatchObject({ numSubQuantizers: 16, nbits: 8 });
    const texts = resolveConfig({ ...base, items: { embeddings: ["v"], text: ["t"] } }, "test");
    expect(texts.index).toMatchObject({ numSubQuantizers: 32, nbits: 4 });
    expect(texts.model.dim).toBe(64);
  });

  it.each([
    [18, {}, 16, 32],
    [768, {}, 16, 768],
    [4096, {}, 16, 768],
    [4096, {}, 20, 760],
    [4096, { dim: 1536 }, 16, 1536],
    [100, { dim: 1536 }, 16, 112],
  ])("keeps of %d numbers, with the model %j and %d codes, %d", (length, model, numSubQuantizers, dim) => {
    const config = resolveConfig({ ...base, model, index: { numSubQuantizers } }, "test");
    expect(dimOf(length, numSubQuantizers, config.model.dim)).toBe(dim);
  });
});

describe("a sample of a stream", () => {
  /** Vectors (i, i) in an order of their own, two at a time. */
  const streamOf = (order: number[]): VectorStream => ({
    ...{ count: order.length, length: 2 },
    async each(visit) {
      for (let from = 0; from < order.length; from += 2) {
        const some = order.slice(from, from + 2);
        await visit(Uint32Array.from(some), Float32Array.from(some.flatMap((i) => [i, i])));
      }
    },
  });
  const order = Array.from({ length: 9 }, (_, i) => (i * 4) % 9);

  it("has each item once, in the order of their numbers, whatever order they come in", async () => {
    const one = await sampleStream(streamOf(order), 5, new Random(3));
    const other = await sampleStream(streamOf(order.toReversed()), 5, new Random(3));
    expect(other).toEqual(one);
    const first = Array.from(one.vectors).filter((_, i) => i % 2 === 0);
    expect(first).toEqual([...new Set(first)].sort((a, b) => a - b));
    expect(first).toHaveLength(5);
  });

  it("is all of a small one, and its hash says whether anything changed", async () => {
    const all = await sampleStream(streamOf(order), 100, new Random(1));
    expect(all.vectors).toHaveLength(18);
    const other: VectorStream = {
      ...streamOf(order),
      each: (visit) =>
        streamOf(order).each((items, vectors) =>
          visit(
            items,
            vectors.map((value) => value + 1),
          ),
        ),
    };
    const { hash } = await sampleStream(other, 100, new Random(1));
    expect(hash).not.toBe(all.hash);
  });
});
