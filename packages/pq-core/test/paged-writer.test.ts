/** Pages as a writer makes them: of items handed over a slice at a time, of long runs, wide codes and many values. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { compareIds } from "../src/format/ids.ts";
import { type ArtifactChunk, type ArtifactInput, InputError, type ItemId, listChunks } from "../src/index.ts";
import { blockBytes, hasTerms } from "../src/kernel/blocks.ts";
import {
  decodedSquares,
  MAX_CHUNK_BYTES,
  type PagedArtifactInput,
  toIds,
  writeArtifact,
  writePagedArtifact,
} from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { filtersOf, itemsOf, type PagedShape, queryOf, shapes } from "./paged-items.ts";
import { kernelModule, memorySource, normals, random, randomCodebook, randomCodes } from "./support.ts";

/** Items as a caller hands them over who has them in list order already. */
function handedOver(input: ArtifactInput, { idType, cellsPerPage }: PagedShape, onRows: (first: number) => void) {
  const { codebook, assignments, codes, fields, facets = {}, numbers = {} } = input;
  const M = codebook.numSubQuantizers;
  const ids = [...input.ids] as ItemId[];
  const byId = [...ids.keys()].sort((a, b) => compareIds(ids[a]!, ids[b]!));
  const order = byId.toSorted((a, b) => assignments[a]! - assignments[b]!);
  const offsets = new Uint32Array(Math.max(1, codebook.nlist) + 1);
  for (const cell of assignments) offsets[cell + 1]!++;
  for (let cell = 1; cell < offsets.length; cell++) offsets[cell]! += offsets[cell - 1]!;
  const squares = decodedSquares(codebook, assignments, codes);
  const terms = Float32Array.from(squares, (square) => (codebook.metric === "l2" ? square : Math.sqrt(square)));
  const isRanged = hasTerms(codebook) && ids.length > 0;
  const countsOf = (values: readonly (string | readonly string[] | undefined)[]) => {
    const counts = new Map<string, number>();
    for (const value of values.flatMap((own) => own ?? [])) counts.set(value, (counts.get(value) ?? 0) + 1);
    return counts;
  };
  let asked = 0;
  const paged: PagedArtifactInput = {
    ...{ codebook, idType, hasFields: fields !== undefined, cellsPerPage, offsets },
    ...{ itemChunkBytes: input.itemChunkBytes, defaultNprobe: input.defaultNprobe, queryTower: Uint8Array.of(1, 2) },
    range: isRanged ? { min: Math.min(...terms), max: Math.max(...terms) } : { min: 0, max: 0 },
    ...((input.facets || input.numbers) && {
      filters: {
        facets: Object.entries(facets).map(([name, values]) => ({ name, counts: countsOf(values) })),
        numbers: Object.keys(numbers),
      },
    }),
    async rows(first, count) {
      expect(first).toBe(asked);
      asked += count;
      onRows(first);
      const own = order.slice(first, first + count);
      return {
        codes: Uint8Array.from(own.flatMap((i) => [...codes.subarray(i * M, (i + 1) * M)])),
        ...(hasTerms(codebook) && { terms: Float32Array.from(own, (i) => terms[i]!) }),
        ids: toIds(
          own.map((i) => ids[i]!),
          idType,
        ),
        ...(fields && { fields: own.map((i) => JSON.stringify(fields[i])) }),
        facets: Object.values(facets).map((values) => own.map((i) => values[i])),
        numbers: Object.values(numbers).map((values) => own.map((i) => values[i]!)),
      };
    },
    async *lookup() {
      expect(asked).toBe(ids.length);
      for (let at = 0; at < ids.length; at += 3) {
        const own = byId.slice(at, at + 3);
        yield {
          ids: toIds(
            own.map((i) => ids[i]!),
            idType,
          ),
          ordinals: Uint32Array.from(own, (i) => order.indexOf(i)),
        };
      }
    },
  };
  return paged;
}

it("items handed over in slices give the bytes of items in memory, each chunk as soon as it is there", async () => {
  await fc.assert(
    fc.asyncProperty(shapes, async (shape) => {
      const input = { ...itemsOf(shape), queryTower: Uint8Array.of(1, 2), cellsPerPage: shape.cellsPerPage };
      const expected = await writeArtifact(input);
      const chunks: ArtifactChunk[] = [];
      let listed = 0;
      const paged = handedOver(input, shape, (first) => expect(listed).toBe(first));
      const { manifestBytes, version } = await writePagedArtifact(paged, async (chunk) => {
        await Promise.resolve();
        chunks.push(chunk);
        if (chunk.key.startsWith("lists-")) listed += new DataView(chunk.bytes.buffer).getUint32(16, true);
      });
      expect(version).toBe(expected.version);
      expect(new TextDecoder().decode(manifestBytes)).toBe(new TextDecoder().decode(expected.manifestBytes));
      expect(chunks).toEqual(expected.chunks);
      const all = await listChunks(expected.manifest, memorySource(chunks));
      expect(all.map(({ key }) => key).sort()).toEqual(chunks.map(({ key }) => key).sort());
      for (const { key, size } of all) expect(chunks.find((chunk) => chunk.key === key)!.bytes.length).toBe(size);
    }),
    { seed: 20261130, numRuns: 60 },
  );
});

const SHAPE: PagedShape = {
  ...{ metric: "innerProduct", nbits: 4, idType: "u32", nlist: 3, filled: 3, n: 40, cellsPerPage: 2, seed: 1 },
  ...{ hasFields: false, hasFacets: true, hasNumbers: true, spread: false },
};

it("rows that are not what was said are refused, by name", async () => {
  const input = itemsOf(SHAPE);
  const write = (change: (paged: PagedArtifactInput) => Partial<PagedArtifactInput>) => {
    const paged = handedOver(input, SHAPE, () => undefined);
    return writePagedArtifact({ ...paged, ...change(paged) }, () => undefined);
  };
  await expect(write(() => ({ cellsPerPage: 0 }))).rejects.toThrow(/"cellsPerPage" expected an integer from 1/);
  await expect(write(() => ({ lookup: () => [] }))).rejects.toThrow(/"lookup" expected 40 ids, got 0/);
  const counts = new Map([["red", 1]]);
  const unknown = {
    facets: ["color", "tag", "brand", "none"].map((name) => ({ name, counts })),
    numbers: ["price", "none"],
  };
  await expect(write(() => ({ filters: unknown }))).rejects.toThrow(/"facets.color" expected a value that was counted/);
  const few = async (paged: PagedArtifactInput, first: number, count: number) => paged.rows(first, count - 1);
  await expect(write((paged) => ({ rows: (first, count) => few(paged, first, count) }))).rejects.toThrow(
    /"rows" expected \d+ items from 0, got \d+/,
  );
});

it("an item larger than a page is refused as what the caller gave", async () => {
  const input = itemsOf({ ...SHAPE, n: 1 });
  const writing = writeArtifact({ ...input, fields: [{ text: "x".repeat(1100) }], cellsPerPage: 2 });
  await expect(writing).rejects.toThrow(InputError);
  await expect(writing).rejects.toThrow(
    /fields\[0\]" expected at most \d+ bytes \(itemChunkBytes\), got "11\d\d bytes"/,
  );
});

it.each([
  ["no facets or numbers at all", { facets: {}, numbers: {} }],
  ["facets without a value", { facets: { color: Array.from({ length: 40 }, () => undefined) } }],
  ["one number", { numbers: { price: Array.from({ length: 40 }, (_, i) => i) } }],
])("filters with %s", async (_, filters) => {
  const { facets, numbers, ...input } = itemsOf(SHAPE);
  const { chunks, manifestBytes } = await writeArtifact({ ...input, ...filters, cellsPerPage: 2 });
  const index = await openWhole(memorySource(chunks), manifestBytes);
  const { ordinals } = await index.search(queryOf(1), { k: 50, nprobe: "all", filter: { not: { or: [] } } });
  expect(ordinals.length).toBe(40);
});

it("a run longer than a page is on several, of codes as wide as can be", async () => {
  // 1 KiB an item: 12 MB in one run, 2.5 MB in another, of cells some of which are empty
  const codebook = randomCodebook({ dim: 1024, M: 1024, nbits: 8, nlist: 8, rotate: false }, 2);
  const n = 14_500;
  const { codes } = randomCodes(codebook, n, 3);
  const assignments = Uint32Array.from({ length: n }, (_, i) => (i < 12_000 ? [0, 2, 3][i % 3]! : 7));
  const ids = Array.from({ length: n }, (_, i) => `${"long ".repeat(99)}${i}`);
  const input = { codebook, assignments, codes, ids };
  const { chunks, manifest, manifestBytes } = await writeArtifact({ ...input, cellsPerPage: 4 });
  const table = manifest.chunks.find(({ of }) => of === "lists")!;
  expect(table.pages).toBe(4);
  expect(table.largest).toBeGreaterThan(4 << 20);
  expect(table.largest).toBeLessThan(MAX_CHUNK_BYTES);
  expect(table.bytes).toBeGreaterThan((n / 32) * blockBytes(codebook));
  const open = { kernelModule: kernelModule("kernel.wasm") };
  const index = await openWhole(memorySource(chunks), manifestBytes, open);
  const listed = await writeArtifact({ ...input, cellsPerPage: 0 });
  const other = await openWhole(memorySource(listed.chunks), listed.manifestBytes, open);
  for (const nprobe of ["all", 1] as const) {
    const query = normals(1024, random(4));
    const found = await index.search(query, { k: 20, nprobe });
    if (nprobe === "all") expect(found.ordinals).toEqual((await other.search(query, { k: 20, nprobe })).ordinals);
    expect(await index.ids(found.ordinals)).toEqual(await other.ids(found.ordinals));
    expect(await index.vectors(found.ordinals)).toEqual(await other.vectors(found.ordinals));
  }
});

it("a facet that is another for each item fits on pages", async () => {
  // one page of lists, and so many values that those of its items are on several
  const codebook = randomCodebook({ dim: 2, M: 1, nbits: 4, nlist: 0 }, 2);
  const n = 30_000;
  const sku = Array.from({ length: n }, (_, i) => (i * 7919) % n).map(String);
  const ids = Uint32Array.from({ length: n }, (_, i) => i);
  const { chunks, manifest, manifestBytes } = await writeArtifact({
    ...{ codebook, ...randomCodes(codebook, n, 5), ids, facets: { sku }, cellsPerPage: 1, itemChunkBytes: 16384 },
  });
  const table = manifest.chunks.find(({ of }) => of === "filter-pages")!;
  expect(manifest.chunks.find(({ of }) => of === "lists")!.pages).toBe(1);
  expect(table.pages).toBeGreaterThan(4);
  expect(table.largest).toBeLessThan(9 * 16384);
  const source = memorySource(chunks);
  const index = await openWhole(source, manifestBytes);
  await index.facets();
  source.fetched.length = 0;
  const { ordinals } = await index.search(queryOf(1).subarray(0, 2), {
    filter: { facet: "sku", in: [sku[99]!, "no"] },
  });
  expect(await index.ids(ordinals)).toEqual([99]);
  expect(source.fetched.filter((key) => key.startsWith("filter-pages")).length).toBe(1);
});

it("more pages than one table lists are found by all that they are asked for", async () => {
  const codebook = randomCodebook({ dim: 4, M: 2, nbits: 4, nlist: 4000, rotate: false }, 6);
  const n = 4200;
  const name = (i: number): string => `${"é".repeat(200)}${(i * 17) % n}`;
  const ids = Array.from({ length: n }, (_, i) => name(i));
  const { chunks, manifest, manifestBytes } = await writeArtifact({
    ...{ codebook, ids, ...randomCodes(codebook, n, 7), cellsPerPage: 1, itemChunkBytes: 1024 },
    fields: ids.map((_, i) => ({ i, text: "x".repeat(420) })),
    facets: { third: ids.map((_, i) => String(i % 3)) },
    numbers: { i: ids.map((_, i) => i) },
  });
  const tablesOf = (kind: string) => manifest.chunks.filter(({ of }) => of === kind);
  expect(["lists", "items", "lookup"].map((kind) => tablesOf(kind).length)).toEqual([2, 3, 2]);
  const index = await openWhole(memorySource(chunks), manifestBytes);
  const items = await index.items(Array.from({ length: n }, (_, i) => i));
  for (const { id, fields } of items) expect(id).toBe(name(fields!["i"] as number));
  const all = await index.ordinals(items.map(({ id }) => id));
  expect([...all]).toEqual(items.map((_, i) => i));
  expect([...(await index.ordinals(["", "a", `${"é".repeat(200)}x`, "\u{1f600}"]))]).toEqual([-1, -1, -1, -1]);
  const filter = {
    and: [
      { facet: "third", in: ["1"] },
      { number: "i", min: 4000 },
    ],
  };
  const { ordinals } = await index.search(normals(4, random(8)), { k: 100, nprobe: "all", filter });
  const found = (await index.items(ordinals)).map(({ fields }) => fields!["i"] as number).sort((a, b) => a - b);
  expect(found).toEqual(Array.from({ length: 200 }, (_, i) => 4000 + i).filter((i) => i % 3 === 1));
});

it("an index without items has no tables", async () => {
  for (const extras of [true, false]) {
    const shape = { ...SHAPE, n: 0, hasFields: extras, hasFacets: extras, hasNumbers: extras };
    const { chunks, manifest, manifestBytes } = await writeArtifact({ ...itemsOf(shape), cellsPerPage: 3 });
    expect(manifest.chunks.map(({ kind }) => kind)).toEqual(extras ? ["codebook", "filters"] : ["codebook"]);
    const index = await openWhole(memorySource(chunks), manifestBytes);
    for (const filter of [undefined, ...filtersOf(shape)])
      expect((await index.search(queryOf(1), { filter })).ordinals.length).toBe(0);
    expect([...(await index.ordinals([1, 2]))]).toEqual([-1, -1]);
    expect(Object.keys(await index.facets()).length).toBe(extras ? 4 : 0);
  }
});
