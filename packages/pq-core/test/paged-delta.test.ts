/** Changes beside an index whose pages tables list: `delta.test.ts` draws such indexes too, here is what it cannot. */
import { expect, it } from "vitest";
import { FormatError, InputError } from "../src/index.ts";
import { openWords, searchHybrid } from "../src/words/index.ts";
import { writeArtifact, writeDelta } from "../src/write.ts";
import { replaceChunk } from "./hostile.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource, normals, random, randomCodebook, randomCodes } from "./support.ts";
import { randomWords, TERMS, toItemWords } from "./word-rows.ts";

const relaxed = kernelModule("kernel-relaxed.wasm");
const even = (n: number) => ({
  facets: { even: Array.from({ length: n }, (_, i) => (i % 2 === 0 ? "yes" : "no")) },
  numbers: {},
});

it.each([1, 3])("items beside it in few of many runs: %i vectors find what a fresh index finds", async (numVectors) => {
  const codebook = randomCodebook({ dim: 8, M: 4, nbits: 4, nlist: 160 }, 1);
  const base = { ...randomCodes(codebook, 1200, 2), ids: Uint32Array.from({ length: 1200 }, (_, i) => 2 * i) };
  // of the runs of 4 cells four have new items, and another has none any more
  const more = {
    codes: randomCodes(codebook, 90, 3).codes,
    ids: Uint32Array.from({ length: 90 }, (_, i) => 2 * i + 1),
  };
  const cells = Uint32Array.from(more.ids, (_, i) => [3, 50, 51, 90, 159][i % 5]!);
  const gone = Uint32Array.from(base.ids.filter((_, i) => Math.floor(base.assignments[i]! / 4) === 7));
  const isLeft = [...base.ids].map((id) => !gone.includes(id));
  const whole = {
    assignments: Uint32Array.of(...base.assignments.filter((_, i) => isLeft[i]), ...cells),
    codes: Uint8Array.of(...base.codes.filter((_, i) => isLeft[Math.floor(i / 4)]), ...more.codes),
    ids: Uint32Array.of(...base.ids.filter((_, i) => isLeft[i]), ...more.ids),
  };
  const first = await writeArtifact({ codebook, ...base, cellsPerPage: 4 });
  const before = await openWhole(memorySource(first.chunks), first.manifestBytes);
  const delta = await writeDelta(before, { items: { assignments: cells, ...more }, remove: [...gone] });
  const source = memorySource([...first.chunks, ...delta.chunks]);
  const index = await openWhole(source, delta.manifestBytes, { kernelModule: relaxed });
  const anew = await writeArtifact({ codebook, ...whole, cellsPerPage: 4 });
  const fresh = await openWhole(memorySource(anew.chunks), anew.manifestBytes, { kernelModule: relaxed });
  const next = random(4);
  for (const nprobe of [1, 2, 4, 5, 20, 38, 39, 40, "all"] as const) {
    const queries = Array.from({ length: numVectors }, () => normals(8, next));
    const found = await index.search(queries, { k: 1500, nprobe });
    const expected = await fresh.search(queries, { k: 1500, nprobe });
    expect([...found.ordinals]).toEqual([...expected.ordinals]);
    expect([...found.scores]).toEqual([...expected.scores]);
  }
});

async function changed() {
  const codebook = randomCodebook({ dim: 4, M: 2, nbits: 4, nlist: 6 }, 5);
  const ids = Uint32Array.from({ length: 100 }, (_, i) => i);
  const base = await writeArtifact({ codebook, ...randomCodes(codebook, 100, 6), ids, ...even(100), cellsPerPage: 2 });
  const before = await openWhole(memorySource(base.chunks), base.manifestBytes);
  const items = { ...randomCodes(codebook, 2, 7), ids: Uint32Array.of(500, 501), ...even(2) };
  const delta = await writeDelta(before, { items, remove: [3] });
  return { ...delta, chunks: [...base.chunks, ...delta.chunks] };
}

it("what is no filter is refused as what was asked for", async () => {
  const { chunks, manifestBytes } = await changed();
  const index = await openWhole(memorySource(chunks), manifestBytes);
  let deep: unknown = { facet: "even", in: ["yes"] };
  for (let i = 0; i < 20_000; i++) deep = { not: deep };
  for (const filter of [null, 5, "even", { and: 5 }, { or: [null] }, { not: 1 }, { facet: "other", in: [] }, deep])
    await expect(index.search(new Float32Array(4).fill(1), { filter: filter as never })).rejects.toThrow(InputError);
});

it("other facets beside it than in it are a fault of the file", async () => {
  const artifact = await changed();
  const at = artifact.manifest.chunks.findIndex(({ kind, delta }) => kind === "filters" && delta);
  const bytes = artifact.chunks.find(({ key }) => key === artifact.manifest.chunks[at]!.key)!.bytes.slice();
  const name = new TextDecoder("latin1").decode(bytes).indexOf("even");
  bytes[name] = "o".charCodeAt(0);
  const { chunks, manifestBytes } = replaceChunk(artifact, at, bytes);
  const index = await openWhole(memorySource([...chunks].map(([key, bytes]) => ({ key, bytes }))), manifestBytes);
  const searching = index.search(new Float32Array(4).fill(1), { filter: { facet: "even", in: ["yes"] } });
  await expect(searching).rejects.toThrow(FormatError);
  await expect(searching).rejects.toThrow(/delta filters: "facets" expected even, got oven/);
});

it.each([true, false])("words that an item must have, with facets or without: %s", async (hasFacets) => {
  const codebook = randomCodebook({ dim: 4, M: 2, nbits: 4, nlist: 9 }, 8);
  const rows = (n: number, seed: number, from: number) => ({
    ...randomCodes(codebook, n, seed),
    ids: Uint32Array.from({ length: n }, (_, i) => from + i),
    words: toItemWords(randomWords(n, seed), seed),
    ...(hasFacets && even(n)),
  });
  const open = async (cellsPerPage: number) => {
    const facts = { rules: 2, dense: 1, words: 0.5 };
    const base = await writeArtifact({ codebook, ...rows(300, 9, 0), wordFacts: facts, cellsPerPage });
    const before = await openWhole(memorySource(base.chunks), base.manifestBytes);
    const delta = await writeDelta(before, { items: rows(40, 10, 290), remove: [5, 6] });
    const index = await openWhole(memorySource([...base.chunks, ...delta.chunks]), delta.manifestBytes);
    return [before, index];
  };
  const [paged, listed] = [await open(2), await open(0)];
  for (const [i, index] of paged.entries())
    for (const term of TERMS.slice(0, 6)) {
      const asked = {
        words: [{ alternatives: [{ term, likeness: 1 }] }],
        ...{ required: [[term]], excluded: ["xyz"], named: new Uint32Array(0) },
      };
      const query = { vectors: [normals(4, random(11))] };
      const options = { k: 50, nprobe: "all", exclude: [7] } as const;
      const ask = async (of: typeof index) => searchHybrid(of, (await openWords(of))!, query, asked, options);
      const { codesScanned, ...found } = await ask(index);
      const { codesScanned: others, ...expected } = await ask(listed[i]!);
      expect(found).toEqual({ ...expected, listsProbed: found.listsProbed });
      expect(found.ordinals.length).toBeGreaterThan(3);
    }
});

it("removed items are counted out of facets once, for all views of a version", async () => {
  const n = 3000;
  const codebook = randomCodebook({ dim: 4, M: 2, nbits: 4, nlist: 40 }, 11);
  const ids = Uint32Array.from({ length: n }, (_, i) => i);
  const facets = {
    even: even(n).facets.even,
    own: Array.from({ length: n }, (_, i) => [`${i % 977}`, "all", ...(i % 40 === 0 ? ["some"] : [])]),
  };
  const rows = { ...randomCodes(codebook, n, 12), ids, facets, itemChunkBytes: 1024 };
  const remove = Array.from({ length: 20 }, (_, i) => i * 7);
  const open = async (cellsPerPage: number) => {
    const base = await writeArtifact({ codebook, ...rows, cellsPerPage });
    const before = await openWhole(memorySource(base.chunks), base.manifestBytes);
    const delta = await writeDelta(before, { remove });
    const source = memorySource([...base.chunks, ...delta.chunks]);
    return { index: await openWhole(source, delta.manifestBytes, { cacheBytes: 0 }), source };
  };
  const [{ index, source }, listed] = [await open(1), await open(0)];
  const pages = index.manifest.chunks.find(({ of }) => of === "filter-pages")!.pages!;
  expect([index.facetReads, listed.index.facetReads]).toEqual([Math.min(20, pages), 0]);
  expect(pages).toBeGreaterThan(10);
  source.fetched.length = 0;
  const counts = await index.facets();
  expect(counts).toEqual(await listed.index.facets());
  expect(source.fetched.filter((key) => key.startsWith("filter-pages")).length).toBeGreaterThan(5);
  source.fetched.length = 0;
  const view = index.metered({ spend: () => undefined, got: () => undefined });
  expect([await index.facets(), await view.facets()]).toEqual([counts, counts]);
  expect([index.facetReads, view.facetReads, source.fetched]).toEqual([0, 0, []]);
});
