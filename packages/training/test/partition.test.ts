import { Random } from "@poeem/indexing-layer";
import { silentProgress } from "@poeem/offline/progress";
import { l2Normalize, logPartition, tiltToMean } from "@poeem/towers";
import { beforeAll, expect, it } from "vitest";
import { fitPartition } from "../src/artifact/partition.ts";
import { useBackend } from "../src/backend/backend.ts";
import { toCsr } from "../src/data/csr.ts";

const [DIM, COUNT, CLUSTERS, SCALE, TILT, LENGTH] = [16, 600, 12, 12, 0.4, 5];

beforeAll(async () => {
  await useBackend("wasm");
});

it("knows the sum over the rest of a clustered catalogue for unseen histories, as well as it says", async () => {
  const random = new Random(3);
  const centers = Float32Array.from({ length: CLUSTERS * DIM }, () => random.normal());
  const items = new Float32Array(COUNT * DIM);
  const members: number[][] = Array.from({ length: CLUSTERS }, () => []);
  for (let i = 0; i < COUNT; i++) {
    // clusters of very different sizes, so that the sum differs from item to item
    const cluster = Math.floor(CLUSTERS * random.uniform() ** 3);
    members[cluster]!.push(i);
    const row = Float32Array.from({ length: DIM }, (_, d) => centers[cluster * DIM + d]! + 0.7 * random.normal());
    items.set(l2Normalize(row), i * DIM);
  }
  const row = (i: number) => items.subarray(i * DIM, (i + 1) * DIM);
  // a history is some items of two clusters, more of them than are read
  const drawHistory = (): number[] => {
    const clusters = [0, 1].map(() => members[random.integer(CLUSTERS)]!).filter((list) => list.length > 0);
    const drawn = Array.from({ length: 7 }, () => clusters[random.integer(clusters.length)]!);
    return [...new Set(drawn.map((list) => list[random.integer(list.length)]!))];
  };
  const histories = toCsr(Array.from({ length: 4000 }, drawHistory));
  const { partition, r2 } = await fitPartition(
    items,
    DIM,
    { scale: SCALE, components: { tilt: TILT }, histories, length: LENGTH },
    1,
  );

  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, d) => sum + value * b[d]!, 0);
  const [exact, found]: [number[], number[]] = [[], []];
  for (let n = 0; n < 400; n++) {
    const history = drawHistory().slice(-LENGTH);
    const query = tiltToMean(history.map(row), TILT)[random.integer(history.length)]!;
    let sum = 0;
    for (let j = 0; j < COUNT; j++) if (!history.includes(j)) sum += Math.exp(SCALE * dot(query, row(j)));
    exact.push(Math.log(sum));
    found.push(logPartition(partition, query));
  }
  const mean = exact.reduce((sum, value) => sum + value, 0) / exact.length;
  const left = exact.reduce((sum, value, i) => sum + (found[i]! - value) ** 2, 0);
  const total = exact.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  expect(Math.sqrt(total / exact.length)).toBeGreaterThan(0.3);
  expect(1 - left / total).toBeGreaterThan(0.95);
  expect(Math.abs(1 - left / total - r2)).toBeLessThan(0.03);
});

it("takes no more steps than there are query vectors to learn from", async () => {
  const random = new Random(3);
  const items = Float32Array.from({ length: 40 * DIM }, () => random.normal());
  const of = async (numUsers: number) => {
    const histories = toCsr(Array.from({ length: numUsers }, (_, user) => [user % 40, (user * 7 + 1) % 40]));
    const totals: Record<string, number> = {};
    await fitPartition(
      items,
      DIM,
      { scale: 1, components: { tilt: TILT }, histories, length: LENGTH },
      1,
      (name, total) => {
        totals[name] = total;
        return silentProgress(name, total, "");
      },
    );
    return totals["fit partition"];
  };
  // two query vectors a user, one user in eight judges; a quarter more steps with the judges
  expect(await of(80)).toBe(300 + 75);
  expect(await of(320)).toBe(600 + 150);
});
