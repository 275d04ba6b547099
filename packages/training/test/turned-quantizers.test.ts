import { Random } from "@poeem/indexing-layer";
import { decode } from "@poeem/pq-core/write";
import { beforeAll, expect, it } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import { turnedQuantizers } from "../src/codes/turned-quantizers.ts";
import { encodeItems } from "../src/model/encode-items.ts";

const DIM = 16;

beforeAll(async () => {
  await useBackend("wasm");
});

it("loses little where fewer vectors turn the rotation, and leaves no cell without a vector", async () => {
  const random = new Random(3);
  const mixing = Float32Array.from({ length: DIM * DIM }, () => random.normal());
  const vectors = new Float32Array(4000 * DIM);
  for (let i = 0; i < vectors.length; i += DIM) {
    const row = Float64Array.from({ length: DIM }, (_, d) => random.normal() / (1 + d));
    for (let d = 0; d < DIM; d++) for (let e = 0; e < DIM; e++) vectors[i + d]! += row[e]! * mixing[e * DIM + d]!;
  }
  const lost = async (nlist: number, most: number | undefined): Promise<number> => {
    const shape = { dim: DIM, nlist, numSubQuantizers: 4, nbits: 4, seed: 1 } as const;
    const codebook = await turnedQuantizers(vectors, shape, most);
    const { assignments, codes } = await encodeItems(codebook, vectors);
    const decoded = decode(codebook, assignments, codes);
    return vectors.reduce((sum, value, at) => sum + (value - decoded[at]!) ** 2, 0);
  };
  // vectors that are turned by, at least: 8 for each number, centroid and cell
  for (const [nlist, most] of [
    [8, 1.3],
    [100, 1.1],
    [400, 1.05],
  ] as const)
    expect((await lost(nlist, 1)) / (await lost(nlist, undefined))).toBeLessThan(most);
});
