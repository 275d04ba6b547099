import { Random } from "@poeem/indexing-layer";
import { describe, expect, it, vi } from "vitest";
import { type PoeemConfigInput, readConfig, resolveConfig } from "../src/config.ts";
import { toCsr } from "../src/data/csr.ts";
import type { Dataset } from "../src/data/types.ts";
import { describeFit, fitConfig } from "../src/train/fit-config.ts";
import { HistoryBatchBuilder } from "../src/train/history-batch.ts";
import { planSteps, planTraining } from "../src/train/plan.ts";
import { readers, walkers } from "./histories.ts";
import { things } from "./texts.ts";

const asked = (overrides: Partial<PoeemConfigInput> = {}) =>
  resolveConfig({ name: "t", data: { items: "-", events: "-" }, items: {}, ...overrides }, "test");

/** As much of a dataset of texts as settings follow from. */
const sized = (items: number, events: number): Dataset =>
  ({
    ...{ ids: { length: items }, eventItem: { length: events }, past: undefined },
    ...{ train: { texts: ["a"] }, ownSentences: { count: 0 }, contextNames: [] },
  }) as unknown as Dataset;

const settings = (items: number, events: number, overrides: Partial<PoeemConfigInput> = {}) => {
  const { index, training } = fitConfig(asked(overrides), sized(items, events));
  const { nlist, nprobe, bufferSize } = index;
  return [nlist, nprobe, bufferSize, training.batchSize, training.epochs];
};

describe("settings that follow from the data", () => {
  it("are the usual ones where there is plenty", () => {
    expect(settings(18_000, 1_000_000)).toEqual([64, 32, 8192, 1024, 2]);
    expect(settings(2048, 81_920)).toEqual([64, 32, 8192, 1024, 2]);
  });

  it("shrink with items and events, while more passes are made", () => {
    // 21 steps an epoch, 168 in all, 101 of them after the warm-up; half of their 101 · 64 vectors
    expect(settings(300, 1350)).toEqual([8, 8, (101 * 64) / 2, 64, 8]);
    expect(settings(40, 50)).toEqual([1, 1, (98 * 16) / 2, 16, 54]);
    expect(settings(10, 10)).toEqual([1, 1, (96 * 8) / 2, 8, 160]);
    expect(settings(1, 1)).toEqual([1, 1, 48, 1, 160]);
    expect(settings(2047, 81_919)).toEqual([32, 32, 8192, 1024, 3]);
  });

  it("stay as they were set by hand, also when the whole is fitted again", () => {
    const index = { nlist: 3, nprobe: 2, bufferSize: 20 };
    const training = { batchSize: 7, epochs: 5 };
    expect(settings(40, 60, { index, training })).toEqual([3, 2, 20, 7, 5]);
    const once = fitConfig(asked(), sized(300, 1350));
    expect(fitConfig(readConfig(once, "an index"), sized(9, 9999))).toEqual(once);
  });

  it("are codes of histories with an order: finer ones of few items, and all that was said of them", () => {
    const { dataset } = walkers();
    const codes = (numItems: number, index: PoeemConfigInput["index"] = {}, dim = 64): unknown => {
      const config = asked({ events: { user: "u", time: "t" }, index, model: { dim } });
      const fitted = fitConfig(config, { ...dataset, ids: { length: numItems } } as unknown as Dataset);
      expect(describeFit(config, fitted, dataset).join()).toContain(`index.nbits ${fitted.index.nbits}`);
      return [fitted.index.numSubQuantizers, fitted.index.nbits];
    };
    // 16 bytes either way
    expect(codes(100_000)).toEqual([16, 8]);
    expect(codes(100_001)).toEqual([32, 4]);
    // which have no 32 parts
    expect(codes(100_001, {}, 48)).toEqual([16, 8]);
    expect([codes(1000, { bufferSize: 256 }), codes(1e6, { bufferSize: 256 })]).toEqual([
      [16, 8],
      [32, 4],
    ]);
    for (const [given, count, nbits] of [
      [{ nbits: 8 }, 16, 8],
      [{ nbits: 8, numSubQuantizers: 8 }, 8, 8],
      // what was said when all had 4 bits still holds
      [{ numSubQuantizers: 32 }, 32, 4],
      [{ bufferSize: 128 }, 32, 4],
      [{ nbits: 4 }, 32, 4],
    ] as const)
      for (const numItems of [1000, 1_000_000]) expect(codes(numItems, given)).toEqual([count, nbits]);
    expect(() => asked({ events: { user: "u", time: "t" }, model: { dim: 40 } })).toThrow(
      "model.dim expected a multiple of index.numSubQuantizers (16), got 40",
    );
  });

  it("are more cells for histories whose items have few bytes", () => {
    const { dataset } = walkers();
    const cells = (numItems: number, index: PoeemConfigInput["index"], time = true): unknown => {
      const config = asked({ events: { user: "u", ...(time && { time: "t" }) }, index });
      const fitted = fitConfig(config, { ...dataset, ids: { length: numItems } } as unknown as Dataset);
      return [fitted.index.nlist, fitted.index.nprobe];
    };
    const eightBytes = { numSubQuantizers: 8, nbits: 8 } as const;
    expect(cells(16_384, {})).toEqual([256, 128]);
    expect(cells(16_384, eightBytes)).toEqual([512, 256]);
    expect(cells(16_384, { ...eightBytes, numSubQuantizers: 16 })).toEqual([256, 128]);
    expect(cells(16_384, {}, false)).toEqual([64, 32]);
    expect(cells(16_384, eightBytes, false)).toEqual([256, 32]);
    expect(cells(1000, eightBytes, false)).toEqual([16, 16]);
    expect(cells(1000, {})).toEqual([16, 16]);
    expect(cells(1000, eightBytes)).toEqual([32, 32]);
    expect(cells(16_384, { ...eightBytes, nlist: 300 })).toEqual([300, 256]);
    // no more than the vectors that they start from
    expect(cells(16_384, { numSubQuantizers: 16, nbits: 4, bufferSize: 130 }, false)).toEqual([128, 32]);
  });

  it("visit no more cells than there are, and say so", () => {
    const config = asked({ index: { nprobe: 16 } });
    const fitted = fitConfig(config, sized(300, 100_000));
    expect(fitted.index.nprobe).toBe(8);
    expect(describeFit(config, fitted, sized(300, 100_000))).toEqual([
      "settings that fit 300 items, 100,000 training events: index.nlist 8, index.nprobe 8 instead of 16",
    ]);
    expect(describeFit(asked(), fitConfig(asked(), sized(18_000, 1e6)), sized(18_000, 1e6))).toEqual([]);
  });

  it.each<[number, string | undefined]>([
    [0, "few training events (0.0 for each item): expect vectors to find less than half of what they find"],
    [49, "few training events (0.5 for each item): expect vectors to find less than half of what they find"],
    [50, "few training events (0.5 for each item): expect vectors to find about two thirds of what they find"],
    [200, undefined],
  ])("say what to expect of %i events for 100 items", (behaviour, line) => {
    const dataset = { ...sized(100, 1000), behaviour };
    const config = fitConfig(asked(), dataset);
    expect(describeFit(config, config, dataset)).toEqual(
      line === undefined ? [] : [`${line} with 4 for each, and words to find more`],
    );
    const users = { ...dataset, past: { items: toCsr([[0, 1]]) } } as unknown as Dataset;
    expect(describeFit(config, config, users)).toEqual([]);
  });

  it("refuse more cells than items", () => {
    expect(() => settings(300, 1350, { index: { nlist: 301 } })).toThrow(
      "index.nlist: expected at most the number of items (300), got 301",
    );
    expect(settings(300, 1350, { index: { nlist: 300 } })[0]).toBe(300);
  });

  it.each(Array.from({ length: 40 }, (_, seed) => seed))("always start the quantizer (%i)", (seed) => {
    const random = new Random(seed);
    const overrides = {
      index: { numSubQuantizers: 8, nbits: random.integer(2) ? 4 : 8, warmup: [0, 0.4, 0.95][random.integer(3)]! },
      training: random.integer(2) ? {} : { negatives: 5 },
    } as const satisfies Partial<PoeemConfigInput>;
    const most = 2 ** (1 + random.integer(9));
    if (seed % 2 === 0) {
      const { config, dataset } = things(1 + random.integer(most), 1 + random.integer(most), overrides);
      expect(planTraining(fitConfig(config, dataset), dataset).totalSteps).toBeGreaterThanOrEqual(160);
      return;
    }
    const shape = { numItems: 4 + 4 * random.integer(20), numKinds: 2, perUser: 2, timed: seed % 4 === 1 };
    const { config, dataset } = readers(
      { ...overrides, split: { testModulus: 0, validation: 0 } },
      { ...shape, numUsers: 1 + random.integer(most) },
    );
    planTraining(config, dataset);
  });
});

describe("one user with a history among many without", () => {
  const split = { testModulus: 0, validation: 0 } as const;
  const index = { numSubQuantizers: 8, warmup: 0.4 };
  const model = { dim: 16, hiddenDim: 0, itemNorm: "free" } as const;
  const alone = (numUsers: number, overrides: Partial<PoeemConfigInput> = {}) =>
    readers({ split, model, index, training: {}, ...overrides }, { numUsers, perUser: 1, ofFirst: 4 });

  it("gets as many epochs as start the quantizer, none of whose steps is counted twice", () => {
    const count = vi.spyOn(HistoryBatchBuilder.prototype, "fewestCandidates");
    const { config, dataset } = alone(1000);
    expect(config.training.epochs).toBeLessThanOrEqual(64);
    const { totalSteps } = planSteps(config, dataset, config.training);
    expect(count.mock.calls.length).toBeLessThanOrEqual(totalSteps);
    count.mockRestore();
    planTraining(config, dataset);
  });

  it("is refused, with what helps, where that would be more epochs than anybody waits for", () => {
    const count = vi.spyOn(HistoryBatchBuilder.prototype, "fewestCandidates");
    expect(() => alone(20_000, { index: { ...index, nbits: 8 } })).toThrow(
      "too few training events have a history: expected 256 item vectors to start the quantizer from, one for each " +
        "centroid; leave users with a single item out of data.events, or add users with more",
    );
    // 52 steps an epoch: after two epochs it is plain
    expect(count.mock.calls.length).toBeLessThanOrEqual(52 * 18);
    count.mockRestore();
    const { config, dataset } = alone(20_000, {
      index: { ...index, nbits: 8, bufferSize: 1024 },
      training: { epochs: 3 },
    });
    expect(() => planTraining(config, dataset)).toThrow(
      /got \d+ from \d+ steps of training.batchSize 384; leave users with a single item out of data.events, or/,
    );
  });
});

it("settings that follow from what queries are are told, as they are", () => {
  const lineOf = (time: boolean, overrides: Partial<PoeemConfigInput> = {}): string | undefined => {
    const { dataset } = walkers();
    const config = fitConfig(asked({ events: { user: "u", ...(time && { time: "t" }) }, ...overrides }), dataset);
    return describeFit(config, config, dataset).find((line) => line.startsWith("settings for"));
  };
  expect(lineOf(true)).toMatch(/^settings for ordered histories: .*training.start spectral, training.optimizer adam/);
  expect(lineOf(false, { training: { scale: 9 } })).toMatch(/^settings for histories: .*training.scale 9/);
  expect(describeFit(asked(), fitConfig(asked(), sized(18_000, 1e6)), sized(18_000, 1e6))).toEqual([]);
  const embedded = asked({
    data: { items: "-", events: "-", queries: "-" },
    ...{ items: { embeddings: ["v"] }, queries: { embeddings: ["v"] } },
  });
  const told = (items: number): string[] =>
    describeFit(embedded, fitConfig(embedded, sized(items, 1e6)), sized(items, 1e6));
  expect(told(18_000)).toEqual([
    "settings for texts with embeddings: model.dim 256, model.hiddenDim 0, " +
      "index.numSubQuantizers 16, index.nbits 8, training.negatives 1024",
  ]);
  expect(told(300)[0]).toContain("training.negatives 300");
});

describe("users who have one item each", () => {
  const one = { perUser: 1, numUsers: 30 };
  const why = "no user has two items, so no training event has a history";

  it("are refused where a query is nothing but a history", () => {
    expect(() => readers({}, one)).toThrow(why);
  });

  it("are told of where a query has more than that", () => {
    const overrides = { model: { history: { as: "mean" } }, index: { numSubQuantizers: 8 }, training: {} } as const;
    const { config, dataset } = readers(overrides, { ...one, devices: true });
    expect(describeFit(config, config, dataset)[0]).toBe(`${why}: only texts and contexts are trained on`);
  });
});
