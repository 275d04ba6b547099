/**
 * What a search gains when empty cells do not count in nprobe: recall@50 against the exact inner products, over a
 * made-up index a third of whose cells hold nothing. "Counted" probes what is filled of the nprobe nearest cells.
 *
 *     node bench/empty-cells.ts
 */
import { openArtifact, scalarKernel } from "@poeem/pq-core";
import { createCodebook, encode, writeArtifact } from "@poeem/pq-core/write";
import { seeded } from "./adc-shapes.ts";

const [N, DIM, NLIST, K, NUM_QUERIES] = [20_000, 32, 256, 50, 200];
const next = seeded(1);
const normal = (): number => next() + next() + next() + next() - 2;
/** `from` turned by noise, at unit length. */
function near(from: Float32Array | undefined, noise: number): Float32Array {
  const vector = Float32Array.from({ length: DIM }, (_, d) => (from?.[d] ?? 0) + noise * normal());
  const norm = Math.hypot(...vector);
  return vector.map((x) => x / norm);
}
const dot = (a: Float32Array, b: Float32Array): number => {
  let sum = 0;
  for (let d = 0; d < DIM; d++) sum += a[d]! * b[d]!;
  return sum;
};
const join = (rows: readonly Float32Array[]): Float32Array => Float32Array.from(rows.flatMap((row) => [...row]));

// Every third centroid is a dead one beside a live one, as a training leaves them.
const centres = Array.from({ length: NLIST }, () => near(undefined, 1));
for (let cell = 2; cell < NLIST; cell += 3) centres[cell] = near(centres[cell - 1]!, 0.05);
const live = [...centres.keys()].filter((cell) => cell % 3 !== 2);
const homes = Uint32Array.from({ length: N }, () => live[Math.floor(next() * live.length)]!);
const items = Array.from(homes, (cell) => near(centres[cell]!, 0.6));
const queries = Array.from({ length: NUM_QUERIES }, () => near(items[Math.floor(next() * N)]!, 0.2));
const shape = { dim: DIM, metric: "innerProduct", nlist: NLIST, numSubQuantizers: 16, nbits: 8 } as const;
const codebook = createCodebook({
  ...shape,
  byResidual: true,
  coarseCentroids: join(centres),
  centroids: Float32Array.from({ length: 256 * DIM }, () => 0.2 * normal()),
});
const nearest = homes.map((home, i) =>
  live.reduce((best, cell) => (dot(items[i]!, centres[cell]!) > dot(items[i]!, centres[best]!) ? cell : best), home),
);
const artifact = await writeArtifact({
  codebook,
  ...encode(codebook, join(items), nearest),
  ids: Uint32Array.from({ length: N }, (_, i) => i),
});
const chunks = new Map(artifact.chunks.map(({ key, bytes }) => [key, bytes]));
const source = { get: async (key: string) => chunks.get(key)! };
const index = await openArtifact(source, artifact.manifestBytes, { kernel: scalarKernel });

const exact = queries.map((query) => {
  const scores = items.map((item) => dot(query, item));
  return new Set([...scores.keys()].sort((a, b) => scores[b]! - scores[a]!).slice(0, K));
});
async function found(query: number, nprobe: number): Promise<number> {
  if (nprobe === 0) return 0;
  const { ordinals } = await index.search(queries[query]!, { k: K, nprobe });
  return (await index.items(ordinals)).filter(({ id }) => exact[query]!.has(Number(id))).length;
}
const empty = index.cellSizes.filter((size) => size === 0).length;
console.log(
  `${empty} of ${NLIST} cells are empty\n\n| nprobe | counted | not counted |\n| -----: | ------: | ----------: |`,
);
for (const nprobe of [4, 8, 16, 32]) {
  let [counted, skipped] = [0, 0];
  for (const [q, query] of queries.entries()) {
    const cells = [...centres.keys()].sort((a, b) => dot(query, centres[b]!) - dot(query, centres[a]!));
    counted += await found(q, cells.slice(0, nprobe).filter((cell) => index.cellSizes[cell]! > 0).length);
    skipped += await found(q, nprobe);
  }
  const recall = (sum: number): string => (sum / (K * NUM_QUERIES)).toFixed(3);
  console.log(`| ${nprobe} | ${recall(counted)} | ${recall(skipped)} |`);
}
