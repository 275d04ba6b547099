import { MASKED, Random, type SoftmaxProblem } from "@poeem/indexing-layer";
import { componentVectors, type HistoryComponents } from "@poeem/towers";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import { groupBy, listOf, toCsr } from "../src/data/csr.ts";
import { buildDataset } from "../src/data/dataset.ts";
import type { Dataset, RawData } from "../src/data/types.ts";
import { takeRows } from "../src/model/ops.ts";
import { DrawnDislikes, dislikeLoss } from "../src/train/dislikes.ts";
import { createHistoryBatches } from "../src/train/history-batch.ts";
import { trainModel } from "../src/train/loop.ts";
import { createOrderedBatches } from "../src/train/ordered-batch.ts";
import { readers } from "./histories.ts";

const [groups, places, candidates, dim] = [4, 3, 9, 5];
const scale = 4;
const random = new Random(21);
const rows = (count: number): number[][] =>
  Array.from({ length: count }, () => Array.from({ length: dim }, () => random.normal() / 2));
const dot = (a: number[], b: number[]): number => a.reduce((sum, x, d) => sum + x * b[d]!, 0);

const queries = rows(groups * places);
const items = rows(candidates);
const logWeights = Array.from({ length: groups }, (_, g) => [0, -0.5, g === 1 ? MASKED : 0.3]);
const masked = Array.from({ length: groups * places }, (_, row) => [row % 4]);
const logQ = items.map(() => random.normal() / 3);
const disliked = [[5, 7], [], [4], [8]];
const weights = [0.5, 2, 1, 1.5];

/** weight · Σ w · log(p + 1/C), in loops. */
function loops(q: number[][], v: number[][], weight: number, isMixture: boolean): number {
  let sum = 0;
  let at = 0;
  disliked.forEach((list, g) => {
    const own = Array.from({ length: isMixture ? places : 1 }, (_, s) => (isMixture ? g * places + s : g));
    const shares = isMixture ? logWeights[g]!.map(Math.exp) : [1];
    const total = shares.reduce((a, b) => a + b, 0);
    const p = new Array<number>(candidates).fill(0);
    own.forEach((row, s) => {
      const e = v.map((item, c) => (masked[row]!.includes(c) ? 0 : Math.exp(scale * dot(q[row]!, item) - logQ[c]!)));
      const z = e.reduce((a, b) => a + b, 0);
      e.forEach((one, c) => {
        p[c]! += ((shares[s]! / total) * one) / z;
      });
    });
    for (const c of list) sum += weights[at++]! * Math.log(p[c]! + 1 / candidates);
  });
  return weight * sum;
}

describe.each(["cpu", "wasm"] as const)("the loss of what is disliked, on %s", (backend) => {
  beforeAll(async () => {
    await useBackend(backend);
  });

  it.each([true, false])("is that of the loops, and so are its gradients; a mixture: %s", (isMixture) => {
    const asked = (q: tf.Tensor2D, v: tf.Tensor2D) => ({
      ...{ queries: q, candidates: v, scale, logQ: Float32Array.from(logQ) },
      masked: toCsr(isMixture ? masked : masked.slice(0, groups)),
      ...(isMixture && { logWeights: tf.tensor2d(logWeights) }),
    });
    const q0 = isMixture ? queries : queries.slice(0, groups);
    const dislikes = { ...toCsr(disliked), weights: Float32Array.from(weights) };
    const loss = (q: tf.Tensor, v: tf.Tensor): tf.Scalar =>
      dislikeLoss(asked(q as tf.Tensor2D, v as tf.Tensor2D), dislikes, 0.7)!;
    const { value, grads } = tf.valueAndGrads(loss)([tf.tensor2d(q0), tf.tensor2d(items)]);
    expect(value.dataSync()[0]).toBeCloseTo(loops(q0, items, 0.7, isMixture), 4);
    [q0, items].forEach((matrix, which) => {
      const got = grads[which]!.dataSync();
      for (let i = 0; i < matrix.length; i += 3) {
        const at = (delta: number): number => {
          const moved = matrix.map((row, r) => row.map((x, d) => (r === i && d === 2 ? x + delta : x)));
          return which === 0 ? loops(moved, items, 0.7, isMixture) : loops(q0, moved, 0.7, isMixture);
        };
        expect(got[i * dim + 2]).toBeCloseTo((at(1e-4) - at(-1e-4)) / 2e-4, 3);
      }
    });
  });

  it("of rows that groups share is what it is of a row for each place", () => {
    const shared = Uint32Array.from({ length: groups * places }, (_, place) => (5 * place + 2) % 7);
    const asked = { scale, logQ: Float32Array.from(logQ) };
    const dislikes = { ...toCsr(disliked), weights: Float32Array.from(weights) };
    const lossOf = (isShared: boolean) =>
      tf.valueAndGrads((q: tf.Tensor, v: tf.Tensor, a: tf.Tensor): tf.Scalar => {
        const rowsOf = (row: number): number[] => masked[row]!;
        const read = isShared
          ? { queries: q as tf.Tensor2D, shared, masked: toCsr(masked.slice(0, 7)) }
          : {
              queries: takeRows(q as tf.Tensor2D, shared),
              masked: toCsr([...shared].map(rowsOf)),
            };
        const problem = { ...asked, ...read, candidates: v as tf.Tensor2D, logWeights: a as tf.Tensor2D };
        return dislikeLoss(problem, dislikes, 0.7)!;
      })([tf.tensor2d(queries.slice(0, 7)), tf.tensor2d(items), tf.tensor2d(logWeights)]);
    const [own, together] = [lossOf(false), lossOf(true)];
    expect(together.value.dataSync()[0]).toBeCloseTo(own.value.dataSync()[0]!, 5);
    together.grads.forEach((gradient, which) => {
      const expected = own.grads[which]!.dataSync();
      gradient.dataSync().forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 4);
      });
    });
  });

  it("is none where nothing is disliked", () => {
    const none = { ...toCsr([[], []]), weights: new Float32Array(0) };
    const asked: SoftmaxProblem = { queries: tf.tensor2d(rows(2)), candidates: tf.tensor2d(items), scale };
    expect(dislikeLoss({ ...asked, masked: toCsr([[], []]) }, none, 1)).toBeUndefined();
  });
});

/** Readers of whom half have something against the first book of each kind they read, and half against the second. */
function pickyReaders(dislikes: number, timed = false) {
  const { raw, config } = readers(
    {
      events: { user: "user", item: "item", weight: "weight", ...(timed && { time: "time" }) },
      split: { testModulus: 0, validation: 0 },
      training: {
        ...{ batchSize: 64, epochs: 4, optimizer: "adam", learningRate: 0.02, negatives: 16, dislikes },
        ...(!timed && { logQ: 1 }),
      },
    },
    { numUsers: 120, timed },
  );
  const { events } = raw;
  const perKind = 10;
  const rows: { user: number; item: number; weight: number }[] = [];
  for (let e = 0; e < events.count; e++) {
    const [user, item] = [events.user!.numbers[e]!, events.item[e]!];
    const isPicky = item % perKind === user % 2;
    rows.push({ user, item, weight: isPicky ? -1 : 1 });
    // and against what others of the kind like
    if (isPicky) rows.push({ user, item: item + 1 + ((user + 1) % 2), weight: 2 });
  }
  const weighed: RawData = {
    ...raw,
    events: {
      ...events,
      count: rows.length,
      user: { ...events.user!, numbers: Uint32Array.from(rows, ({ user }) => user) },
      item: Uint32Array.from(rows, ({ item }) => item),
      weight: Float64Array.from(rows, ({ weight }) => weight),
      ...(timed && { time: Float64Array.from(rows.keys()) }),
    },
  };
  return { config, dataset: buildDataset(weighed, config) };
}

describe("what is disliked, in a training", () => {
  it("is drawn beside the events of its query, each about once an epoch", () => {
    const { dataset } = pickyReaders(1);
    const dislikes = dataset.dislikes!;
    const drawer = new DrawnDislikes(dataset, dislikes);
    const byQuery = groupBy(dataset.eventQuery, dataset.train.count);
    // every event once, three to a group
    const groups = Array.from({ length: dataset.train.count }, (_, query) => listOf(byQuery, query)).flatMap((list) =>
      Array.from({ length: Math.ceil(list.length / 3) }, (_, i) => list.subarray(3 * i, 3 * i + 3)),
    );
    const counts = new Map<string, number>();
    const rounds = 60;
    for (let round = 0; round < rounds; round++) {
      const drawn = drawer.draw(groups, new Random(round), (item) => item);
      groups.forEach((group, g) => {
        const query = dataset.eventQuery[group[0]!]!;
        for (const item of listOf(drawn, g))
          counts.set(`${query} ${item}`, (counts.get(`${query} ${item}`) ?? 0) + 1 / rounds);
      });
    }
    const pairs = Array.from({ length: dataset.train.count }, (_, query) =>
      Array.from(listOf(dislikes, query), (item) => `${query} ${item}`),
    ).flat();
    expect(pairs.length).toBeGreaterThan(50);
    expect([...counts.keys()].sort()).toEqual(pairs.sort());
    expect([...counts.values()].reduce((sum, mean) => sum + mean, 0) / pairs.length).toBeCloseTo(1, 1);
    for (const mean of counts.values()) expect(Math.abs(mean - 1)).toBeLessThan(0.5);
  });

  it("is a candidate of its step where it is asked for, and weights are those of the events", () => {
    const { config, dataset } = pickyReaders(0.5);
    const events = Uint32Array.from({ length: 128 }, (_, i) => i);
    const batch = createHistoryBatches(config, dataset).build(events, new Random(1));
    expect(batch.dislikes!.values.length).toBeGreaterThan(3);
    let target = 0;
    batch.events.forEach((group, g) => {
      const query = dataset.eventQuery[group[0]!]!;
      const disliked = Array.from(listOf(batch.dislikes!, g), (column) => batch.candidates[column]);
      for (const item of disliked) expect(listOf(dataset.dislikes!, query)).toContain(item);
      for (const column of listOf(batch.targets, g)) {
        const own = [...group].filter((event) => dataset.eventItem[event] === batch.candidates[column]);
        const largest = Math.max(...own.map((event) => dataset.eventWeight![event]!));
        expect(batch.targetWeights![target++]).toBe(largest);
      }
    });
    expect(target).toBe(batch.targetWeights!.length);
    expect(new Set(batch.targetWeights).size).toBe(2);
    const without = { ...config, training: { ...config.training, dislikes: 0 } };
    expect(createHistoryBatches(without, dataset).build(events, new Random(1)).dislikes).toBeUndefined();
  });

  it("is a candidate of a step of ordered histories, too, and its weights are those of the events", () => {
    const { config, dataset } = pickyReaders(0.5, true);
    const past = dataset.past!;
    const events = Uint32Array.from({ length: 128 }, (_, i) => i);
    const batch = createOrderedBatches(config, dataset).build(events, new Random(1));
    // without those that nothing came before, or that repeat something
    const asked = events.filter((event) => {
      const list = listOf(past.items, past.user[dataset.eventQuery[event]!]!);
      const prefix = list.subarray(0, past.length[event]);
      return prefix.length > 0 && !prefix.includes(dataset.eventItem[event]!);
    });
    expect(batch.numGroups).toBe(asked.length);
    expect(batch.dislikes!.values.length).toBeGreaterThan(3);
    asked.forEach((event, g) => {
      expect(batch.targetWeights![g]).toBe(dataset.eventWeight![event]);
      const disliked = Array.from(listOf(batch.dislikes!, g), (column) => batch.candidates[column]);
      for (const item of disliked) expect(listOf(dataset.dislikes!, dataset.eventQuery[event]!)).toContain(item);
    });
  });

  it.each([false, true])(
    "ends up further from those who dislike it than without; with an order: %s",
    async (timed) => {
      await useBackend("wasm");
      const shareOf = async (weight: number): Promise<number> => {
        const { config, dataset } = pickyReaders(weight, timed);
        expect(config.model.history.order).toBe(timed);
        const { model } = await trainModel(config, dataset);
        const components = await model.history!.componentsOf();
        return likedFirst(dataset, await model.itemVectors(), { ...components, tilt: 0 }, config.training.scale);
      };
      const [ignored, pushed] = [await shareOf(0), await shareOf(1)];
      expect(pushed).toBeGreaterThan(ignored + 0.02);
    },
    60_000,
  );
});

/** Share of the pairs of something liked and something disliked, by user, that the other likes of the user order so. */
function likedFirst(
  { train, dislikes, ids }: Dataset,
  vectors: Float32Array,
  components: HistoryComponents,
  scale: number,
): number {
  const dim = vectors.length / ids.length;
  const vector = (item: number): Float32Array => vectors.subarray(item * dim, (item + 1) * dim);
  let [right, all] = [0, 0];
  for (let user = 0; user < train.count; user++) {
    const likes = [...listOf(train.relevant, user)];
    for (const bad of listOf(dislikes!, user))
      for (const good of likes) {
        const history = likes.filter((item) => item !== good).map(vector);
        const read = componentVectors(components, history).map((q) => [...q]);
        const scoreOf = (item: number): number =>
          read.reduce((sum, q) => sum + Math.exp(scale * dot(q, [...vector(item)])), 0);
        all++;
        if (scoreOf(good) > scoreOf(bad)) right++;
      }
  }
  return right / all;
}
