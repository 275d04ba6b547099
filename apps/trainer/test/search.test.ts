import { Random } from "@poeem/indexing-layer";
import { type Index, openArtifact, scalarKernel } from "@poeem/pq-core";
import { createCodebook, encode, writeArtifact } from "@poeem/pq-core/write";
import {
  DEFAULT_TOKENIZER,
  fnv1a32,
  type HistoryHead,
  openQueryTower,
  type QueryTowerWeights,
  quantizeTable,
  writeQueryTower,
} from "@poeem/towers";
import { itemId, searchVectors } from "@poeem/training/search/query";
import { describe, expect, it } from "vitest";

const dim = 4;
const random = new Random(9);
const numbers = (n: number): Float32Array => Float32Array.from({ length: n }, () => random.normal());
const partition = { values: new Int8Array(dim).fill(3), scales: Float32Array.of(0.1), bias: Float32Array.of(1) };
const text = quantizeTable(numbers(dim), Uint32Array.of(fnv1a32("wred")), dim);
const noText = { embeddingDim: dim, hashes: new Uint32Array(0), scales: new Float32Array(0), values: new Int8Array(0) };

function weights(table: QueryTowerWeights["table"], history?: HistoryHead): QueryTowerWeights {
  const contexts = { names: ["device\tphone", "device\tdesk"], rows: numbers(2 * dim) };
  return { tokenizer: DEFAULT_TOKENIZER, table, layers: [], skip: false, ...(history ? { history } : {}), contexts };
}

async function indexWith(tower: QueryTowerWeights | undefined, ids: readonly string[] | Uint32Array): Promise<Index> {
  const shape = { dim, metric: "innerProduct", nlist: 0, numSubQuantizers: 2, nbits: 4, byResidual: false } as const;
  const codebook = createCodebook({ ...shape, centroids: numbers(16 * dim) });
  const artifact = await writeArtifact({
    codebook,
    ...encode(codebook, numbers(ids.length * dim)),
    ids,
    queryTower: tower && writeQueryTower(tower),
  });
  const chunks = new Map(artifact.chunks.map(({ key, bytes }) => [key, bytes]));
  return openArtifact({ get: async (key) => chunks.get(key)! }, artifact.manifestBytes, {
    kernel: scalarKernel,
  });
}
const ids = Array.from({ length: 20 }, (_, i) => `item-${i}`);
const vectorsOf = async (index: Index, names: readonly string[]): Promise<Float32Array> =>
  index.vectors(await index.ordinals(names));

describe("what is searched with", () => {
  it("is the query tower's mixture of the decoded items of a history, which do not come back", async () => {
    const tower = weights(noText, { form: "mixture", length: 2, scale: 9, partition });
    const index = await indexWith(tower, ids);
    const history = ["item-3", "item-7", "item-1"];
    const asked = await searchVectors(index, { history });
    const expected = openQueryTower(writeQueryTower(tower)).embed({ history: await vectorsOf(index, history) });
    expect(asked.vectors).toHaveLength(2);
    expect(expected).toMatchObject({ vectors: asked.vectors, temperature: 9 });
    expect(asked.merge).toMatchObject({ by: "sumExp", temperature: 9 });
    const { ordinals } = await index.search(asked.vectors, { k: 20, merge: asked.merge, exclude: asked.exclude });
    const found = (await index.items(ordinals)).map(({ id }) => id);
    expect(found.toSorted()).toEqual(ids.filter((id) => !history.includes(id)).toSorted());
  });

  it("is one vector of text, history and context where the tower pools them", async () => {
    const tower = weights(text, { form: "mean", length: 5, scale: 1 });
    const index = await indexWith(tower, ids);
    const asked = { text: "red", history: ["item-2"], context: { device: "desk" } };
    const { vectors, merge } = await searchVectors(index, asked);
    const items = await vectorsOf(index, asked.history);
    expect(merge).toBeUndefined();
    expect(vectors).toEqual([openQueryTower(writeQueryTower(tower)).embed({ ...asked, history: items })]);
  });

  it("is each item by itself where the tower was not trained on histories, or there is none", async () => {
    for (const tower of [undefined, weights(text)]) {
      const index = await indexWith(tower, ids);
      const { vectors, merge } = await searchVectors(index, { history: ["item-2", "item-4"] });
      const decoded = await vectorsOf(index, ["item-2", "item-4"]);
      expect(vectors.map((vector) => [...vector])).toEqual([[...decoded.slice(0, dim)], [...decoded.slice(dim)]]);
      expect(merge).toBeUndefined();
    }
  });

  it("takes ids of whatever type the index has", async () => {
    const index = await indexWith(
      undefined,
      Uint32Array.from({ length: 20 }, (_, i) => 100 + i),
    );
    expect((await searchVectors(index, { history: ["103", "119"] })).exclude).toEqual([103, 119]);
    await expect(searchVectors(index, { history: ["99"] })).rejects.toThrow(/no item of this index has the id "99"/);
    await expect(searchVectors(index, { history: ["4294967296"] })).rejects.toThrow(
      /expected integers of 0 to 4294967295/,
    );
    expect(itemId("18446744073709551615", "u64")).toBe(18446744073709551615n);
    expect(() => itemId("-1", "u64")).toThrow(/expected integers/);
  });

  it("is refused in words where the index cannot read it or knows nothing of it", async () => {
    const none = await indexWith(undefined, ids);
    await expect(searchVectors(none, { text: "red" })).rejects.toThrow(/--query: .* cannot answer text queries/);
    await expect(searchVectors(none, { history: [] })).rejects.toThrow(/--history: expected ids/);
    const words = await indexWith(weights(text), ids);
    await expect(searchVectors(words, { text: "zebra" })).rejects.toThrow('no word of "zebra" is known');
    await expect(searchVectors(words, { text: "red", history: ["item-1"] })).rejects.toThrow(
      /--history: expected alone/,
    );
    await expect(searchVectors(words, { context: { shoe: "9" } })).rejects.toThrow(
      /--context shoe: expected one of device/,
    );
    await expect(searchVectors(words, { context: { device: "tv" } })).rejects.toThrow(/nothing of this query is known/);
  });
});
