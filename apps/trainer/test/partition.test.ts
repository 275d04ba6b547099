import { Random } from "@poeem/indexing-layer";
import { l2Normalize, logPartition } from "@poeem/query-tower";
import { beforeAll, expect, it } from "vitest";
import { fitPartition } from "../src/artifact/partition.ts";
import { useBackend } from "../src/backend.ts";
import { toCsr } from "../src/data/csr.ts";

const [DIM, COUNT, SCALE] = [16, 600, 12];

beforeAll(async () => {
  await useBackend("wasm");
});

it("knows the sum over a clustered catalogue for each of its items, and explains what it says it does", async () => {
  const random = new Random(3);
  const centers = Float32Array.from({ length: 12 * DIM }, () => random.normal());
  const items = new Float32Array(COUNT * DIM);
  for (let i = 0; i < COUNT; i++) {
    // clusters of very different sizes, so that the sum differs from item to item
    const cluster = Math.floor(12 * random.uniform() ** 3);
    const row = Float32Array.from({ length: DIM }, (_, d) => centers[cluster * DIM + d]! + 0.7 * random.normal());
    items.set(l2Normalize(row), i * DIM);
  }
  // histories of one item, whose query vectors are the items
  const histories = toCsr(Array.from({ length: COUNT }, (_, i) => [i]));
  const { partition, r2 } = await fitPartition(items, DIM, { scale: SCALE, tilt: 0, histories, length: 5 }, 1);
  const row = (i: number) => items.subarray(i * DIM, (i + 1) * DIM);
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, d) => sum + value * b[d]!, 0);
  const exact = Array.from({ length: COUNT }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < COUNT; j++) if (j !== i) sum += Math.exp(SCALE * dot(row(i), row(j)));
    return Math.log(sum);
  });
  const mean = exact.reduce((sum, value) => sum + value, 0) / COUNT;
  const left = exact.reduce((sum, value, i) => sum + (logPartition(partition, row(i)) - value) ** 2, 0);
  const total = exact.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  expect(Math.sqrt(total / COUNT)).toBeGreaterThan(0.3);
  expect(r2).toBeCloseTo(1 - left / total, 3);
  expect(r2).toBeGreaterThan(0.98);
}, 60_000);
