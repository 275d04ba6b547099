import { Random } from "@poeem/indexing-layer";
import { createCodebook } from "@poeem/pq-core/write";
import { beforeAll, describe, expect, it } from "vitest";
import { betterCodes, encodeBy, type FinishedModel } from "../src/artifact/finished-codes.ts";
import { itemTowerBytes, openItemTowerFile } from "../src/artifact/item-tower-file.ts";
import { useBackend } from "../src/backend/backend.ts";
import { buildDataset } from "../src/data/dataset.ts";
import { TwoTower } from "../src/model/two-tower.ts";
import { fitConfig } from "../src/train/fit-config.ts";
import { load } from "./make-data.ts";

beforeAll(async () => {
  await useBackend("wasm");
});

const [ITEMS, DIM] = [300, 16];

/** Items and queries by vectors, and what a training of no steps would end with. */
async function untrained(): Promise<FinishedModel> {
  const random = new Random(3);
  const vector = () => Array.from({ length: DIM }, (_, d) => random.normal() / (1 + d / 2));
  const items = Array.from({ length: ITEMS }, (_, i) => ({ id: `i${i}`, vec: vector() }));
  const queries = Array.from({ length: 200 }, (_, i) => ({ query: `q${i}`, vec: vector() }));
  const events = queries.map(({ query }) => ({ query, item: `i${random.integer(ITEMS)}` }));
  const { config: asked, raw } = await load(
    { items, queries, events },
    {
      items: { embeddings: ["vec"] },
      queries: { embeddings: ["vec"] },
      model: { dim: DIM },
      index: { nlist: 2, numSubQuantizers: 4, nbits: 4 },
    },
  );
  const dataset = buildDataset(raw, asked);
  const config = fitConfig(asked, dataset);
  const model = new TwoTower(config, dataset);
  return { model, config, dataset, itemVectors: await model.itemVectors() };
}

/** A codebook of centroids drawn at random, or none that are anything but zero. */
function codebookOf(random: Random | undefined) {
  const normals = (count: number) => Float32Array.from({ length: count }, () => (random ? random.normal() : 0));
  return createCodebook({
    ...{ dim: DIM, nlist: 2, numSubQuantizers: 4, nbits: 4, metric: "innerProduct", byResidual: true },
    ...{ coarseCentroids: normals(2 * DIM), centroids: normals(DIM * 16) },
  });
}

describe("codes of finished vectors", () => {
  it("are taken instead of those that keep less, and kept out by those that keep more", async () => {
    const of = await untrained();
    const said: string[] = [];
    const poor = { codebook: codebookOf(new Random(1)) };
    const taken = await betterCodes(poor, of, (line) => said.push(line));
    expect(taken.codebook).not.toBe(poor.codebook);
    expect(taken.error).toBeDefined();
    expect(said).toEqual([expect.stringMatching(/^codes learned of the finished .* the former are taken$/)]);
    // as many bits for each two numbers
    const fine = { ...of, config: { ...of.config, index: { ...of.config.index, numSubQuantizers: 8 } } };
    const good = await betterCodes(poor, fine);
    expect(await betterCodes(good, of, (line) => said.push(line))).toBe(good);
    expect(said.at(-1)).toMatch(/the latter are taken$/);
  });

  it("code new items as those of the training, by what the item tower's file holds", async () => {
    const of = await untrained();
    const taken = await betterCodes({ codebook: codebookOf(undefined) }, of);
    const weights = await of.model.itemTower();
    const { error, moments } = openItemTowerFile("tower", itemTowerBytes({ weights, error: taken.error }));
    expect(moments).toBeUndefined();
    const codes = await encodeBy(taken, of.itemVectors);
    const some = of.itemVectors.slice(100 * DIM, 140 * DIM);
    const again = await encodeBy({ codebook: taken.codebook, error }, some);
    expect([...again.codes]).toEqual([...codes.codes.subarray(400, 560)]);
    const nearest = await encodeBy({ codebook: taken.codebook }, of.itemVectors);
    expect([...nearest.codes]).not.toEqual([...codes.codes]);
  });
});
