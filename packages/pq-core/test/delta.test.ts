import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allOrdinals, partsOf, readRows } from "../src/catalogue/rows.ts";
import type { Artifact, Index, ItemId, SearchOptions } from "../src/index.ts";
import { compactArtifact, writeArtifact, writeDelta } from "../src/write.ts";
import { Model, type Scenario, scenarios } from "./delta-catalogue.ts";
import { openWhole, type WholeOptions } from "./open-whole.ts";
import { kernelModule, memorySource } from "./support.ts";
import { fromItemWords, toItemWords, type WordsOfItem } from "./word-rows.ts";

const KERNELS: Record<string, WholeOptions> = {
  "scalar, resident": {},
  "simd, resident": { kernelModule: kernelModule("kernel.wasm") },
  "relaxed, all paged": { kernelModule: kernelModule("kernel-relaxed.wasm"), residentBytes: 0, cacheBytes: 4096 },
  "relaxed, delta paged": { kernelModule: kernelModule("kernel-relaxed.wasm"), residentBytes: 2500 },
};

const SMALL: Scenario = {
  metric: "cosine",
  nbits: 4,
  nlist: 4,
  idType: "string",
  extras: true,
  n: 150,
  terms: false,
  rounds: [],
  seed: 3,
};

/** A base, and after each round of changes the index over it and what was written so far. */
async function play(scenario: Scenario, options: WholeOptions = {}) {
  const model = new Model(scenario);
  const written = await writeArtifact(model.input());
  const chunks = [...written.chunks];
  let artifact: Artifact = written;
  let index: Index = await openWhole(memorySource(chunks), artifact.manifestBytes, options);
  for (const round of scenario.rounds) {
    artifact = await writeDelta(index, model.change(round));
    chunks.push(...artifact.chunks);
    index = await openWhole(memorySource(chunks), artifact.manifestBytes, options);
  }
  return { model, index, artifact, chunks };
}

/** Where whole pages are visited, a filter decides which: those of a base and of an index written anew differ. */
function searchOf(model: Model, { cellsPerPage = 0 }: Scenario): SearchOptions {
  const options = model.options();
  return cellsPerPage > 0 && options.filter ? { ...options, nprobe: "all" } : options;
}

async function observe(index: Index, model: Model) {
  const all = Array.from({ length: index.manifest.numItems }, (_, i) => i).reverse();
  const ids = [...model.items.keys()];
  return {
    items: await index.items(all),
    vectors: await index.vectors(all),
    codes: await index.codes(all),
    facets: Object.entries(await index.facets()).map(([name, values]) => [name, Object.entries(values)]),
    ordinals: await index.ordinals([...ids, "no such id", 77, 5n]),
    tower: await index.queryTower(),
  };
}

/** Id → its words; what was removed has none. */
async function wordsOf(index: Index): Promise<Map<ItemId, WordsOfItem>> {
  const { base, delta, removed } = partsOf(index);
  const isRemoved = new Set(removed);
  const found = new Map<ItemId, WordsOfItem>();
  for (const part of delta === undefined ? [base] : [base, delta]) {
    const ordinals = allOrdinals(part.manifest).filter((ordinal) => part === delta || !isRemoved.has(ordinal));
    const { ids, words } = await readRows(part, ordinals);
    if (words !== undefined) for (const [i, own] of fromItemWords(words).entries()) found.set(ids[i]!, own);
  }
  return found;
}

describe.each(Object.entries(KERNELS))("an index with changes, %s", (_, options) => {
  it("answers everything as one written anew from the resulting catalogue", async () => {
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        const { model, index } = await play(scenario, options);
        const fresh = await writeArtifact(model.input());
        const expected = await openWhole(memorySource(fresh.chunks), fresh.manifestBytes, options);
        expect(index.manifest.numItems).toBe(model.items.size);
        expect(await observe(index, model)).toEqual(await observe(expected, model));
        for (let i = 0; i < 12; i++) {
          const queries = Array.from({ length: 1 + model.integer(3) }, () => model.query());
          const search = searchOf(model, scenario);
          const { codesScanned, ...found } = await index.search(queries, search);
          const { codesScanned: fewest, ...wanted } = await expected.search(queries, search);
          if (scenario.cellsPerPage && search.filter) {
            // what runs can hold a match is known by pages, and those are cut otherwise
            expect(found.scores).toEqual(wanted.scores);
            expect(found.ordinals).toEqual(wanted.ordinals);
            continue;
          }
          expect(found).toEqual(wanted);
          // Removed items of the base are passed over one by one.
          expect(codesScanned).toBeGreaterThanOrEqual(fewest);
          expect(codesScanned - fewest).toBeLessThanOrEqual(index.manifest.delta!.removed);
        }
        expect(await wordsOf(index)).toEqual(await wordsOf(expected));
        const compact = await compactArtifact(index, { listChunkBytes: 2048, itemChunkBytes: 1024 });
        expect(compact.version).toBe(fresh.version);
        expect(compact.chunks).toEqual(fresh.chunks);
      }),
      {
        seed: 20261122,
        numRuns: 30,
        // 1,010 items, but 1,040 stored: at which of the two a range is searched by cell.
        examples: [
          ...[1, 2, 3].map((seed): [Scenario] => [{ ...SMALL, nlist: 6, n: 1010, rounds: [[0, 30, 0]], seed }]),
          ...[4 as const, 8 as const].map((nbits): [Scenario] => [
            {
              ...SMALL,
              metric: "l2",
              nbits,
              terms: true,
              rounds: [
                [9, 9, 2],
                [9, 9, 2],
              ],
              seed: 4,
            },
          ]),
        ],
      },
    );
  });
});

describe("a delta", () => {
  it("writes none of the base's chunks again, and merges with the one before", async () => {
    const { model, index, chunks } = await play({
      ...SMALL,
      rounds: [
        [3, 2, 2],
        [2, 1, 1],
      ],
    });
    const base = chunks.slice(0, (await writeArtifact(new Model(SMALL).input())).chunks.length);
    const listed = index.manifest.chunks;
    const shared = listed.filter(({ delta }) => delta !== true);
    expect(shared.map(({ key }) => key)).toEqual(base.map(({ key }) => key));
    // One delta, not one a round: a single chunk of each kind, since it is small.
    const own = listed.filter(({ delta }) => delta === true).map(({ kind }) => kind);
    expect(own).toEqual(["delta", "lists", "items", "lookup", "filters", "words", "postings"]);
    expect(index.manifest.numItems).toBe(model.items.size);
  });

  it("does not depend on the way: the same changes in one round or two give the same version", async () => {
    const model = new Model({ ...SMALL, seed: 4 });
    const base = await writeArtifact(model.input());
    const open = (artifact: Artifact, more: Artifact["chunks"] = []) =>
      openWhole(memorySource([...base.chunks, ...artifact.chunks, ...more]), artifact.manifestBytes);
    const index = await open(base);
    const first = model.change([4, 0, 0]);
    const second = model.change([0, 0, 3]);
    const step = await open(await writeDelta(index, first));
    const twoSteps = await writeDelta(step, second);
    const gone = new Set(second.remove);
    // Items of the first round that the second removes never were.
    const kept = [...first.items!.ids].every((id) => !gone.has(id));
    expect(kept).toBe(true);
    const oneStep = await writeDelta(index, { items: first.items, remove: second.remove });
    expect(oneStep.version).toBe(twoSteps.version);
    expect(oneStep.chunks).toEqual(twoSteps.chunks);
  });

  it("counts what it did and names ids to remove that there are not", async () => {
    const { index, model } = await play({ ...SMALL, extras: false });
    const [first, second] = [...model.items.keys()];
    const items = { assignments: Uint32Array.of(0, 1), codes: new Uint8Array(6), ids: [String(first), "new one"] };
    const { added, updated, removed, unknown } = await writeDelta(index, { items, remove: [second!, "nobody"] });
    expect({ added, updated, removed, unknown }).toEqual({ added: 1, updated: 1, removed: 1, unknown: ["nobody"] });
  });

  it("can empty a catalogue and fill it again", async () => {
    const { index, chunks, model } = await play({ ...SMALL, extras: false, n: 3 });
    const ids = [...model.items.keys()] as string[];
    const emptied = await writeDelta(index, { remove: ids });
    const empty = await openWhole(memorySource([...chunks, ...emptied.chunks]), emptied.manifestBytes);
    expect((await empty.search(model.query())).ordinals.length).toBe(0);
    expect(await empty.ordinals(ids)).toEqual(Int32Array.of(-1, -1, -1));
    const items = { assignments: new Uint32Array(1), codes: new Uint8Array(3), ids: [ids[1]!] };
    const filled = await writeDelta(empty, { items });
    const full = await openWhole(memorySource([...chunks, ...filled.chunks]), filled.manifestBytes);
    const { ordinals } = await full.search(model.query(), { nprobe: 4 });
    expect(await full.items(ordinals)).toEqual([{ id: ids[1], fields: undefined }]);
  });

  it.each([
    ["ids of another type", { ids: Uint32Array.of(1) }, '"ids" expected ids of type string'],
    ["terms of another metric", { terms: Float32Array.of(1) }, '"terms" expected nothing, since the metric is cosine'],
    ["a cell there is not", { assignments: Uint32Array.of(9) }, '"assignments[0]" expected below 4, got 9'],
    ["no fields", { fields: undefined }, '"fields" expected a value, since the index has them'],
    ["another facet", { facets: { hue: ["red"] } }, '"facets" expected color, tag, got "hue"'],
    ["no numbers", { numbers: undefined }, '"numbers" expected a value, since the index has them'],
    ["no words", { words: undefined }, '"words" expected a value, since the index has them'],
    ["words of other items", { words: toItemWords([]) }, '"words.offsets" expected length 2, got 1'],
    ["codes of another length", { codes: new Uint8Array(4) }, '"codes" expected length 3, got 4'],
  ])("refuses %s", async (_, wrong, message) => {
    const { index } = await play(SMALL);
    const item = {
      assignments: new Uint32Array(1),
      codes: new Uint8Array(3),
      ids: ["a"],
      fields: [{}],
      facets: { tag: [[]], color: ["red"] },
      numbers: { price: [1] },
      words: toItemWords([{ terms: new Map([["red", 3]]), names: [7] }]),
    };
    await expect(writeDelta(index, { items: { ...item, ...wrong } })).rejects.toThrow(message);
  });

  it("refuses words for an index that has none", async () => {
    const { index } = await play({ ...SMALL, extras: false });
    const words = toItemWords([{ terms: new Map(), names: [] }]);
    const items = { assignments: new Uint32Array(1), codes: new Uint8Array(3), ids: ["a"], words };
    await expect(writeDelta(index, { items })).rejects.toThrow('"words" expected nothing, since the index has none');
  });

  it("refuses to add and remove one id at once", async () => {
    const { index } = await play({ ...SMALL, extras: false });
    const items = { assignments: new Uint32Array(1), codes: new Uint8Array(3), ids: ["a"] };
    await expect(writeDelta(index, { items, remove: ["a"] })).rejects.toThrow(
      '"remove" expected no id of an item that is added, got "a"',
    );
  });
});

describe("opening the next version beside the one before", () => {
  const scenario: Scenario = { ...SMALL, rounds: [[3, 2, 2]] };

  it("fetches nothing of the base that is in memory, and leaves the one before as it was", async () => {
    const { model, index, artifact, chunks } = await play(scenario, KERNELS["simd, resident"]);
    const query = model.query();
    const before = await index.search(query, { nprobe: 4, filter: { facet: "color", in: ["red"] } });
    const next = await writeDelta(index, model.change([1, 1, 1]));
    const source = memorySource([...chunks, ...next.chunks]);
    const after = await openWhole(source, next.manifestBytes, { ...KERNELS["simd, resident"], previous: index });
    const own = new Set(next.chunks.map(({ key }) => key));
    expect(source.fetched.filter((key) => !own.has(key))).toEqual([]);
    const fresh = await writeArtifact(model.input());
    const expected = await openWhole(memorySource(fresh.chunks), fresh.manifestBytes, KERNELS["simd, resident"]);
    const search = { nprobe: 4, filter: { facet: "color", in: ["red"] } } as const;
    // Both at once, over one kernel's memory.
    const [old, new_] = await Promise.all([index.search(query, search), after.search(query, search)]);
    expect(old).toEqual(before);
    expect(new_.ordinals).toEqual((await expected.search(query, search)).ordinals);
    expect(source.fetched.filter((key) => !own.has(key))).toEqual([]);
    expect(after.version).toBe(next.version);
    expect(index.version).toBe(artifact.version);
  });

  it("shares the base with a version that has another query tower, of which only that is read", async () => {
    const [one, other] = await Promise.all(
      [1, 2].map((value) => writeArtifact({ ...new Model(SMALL).input(), queryTower: new Uint8Array(99).fill(value) })),
    );
    const index = await openWhole(memorySource(one!.chunks), one!.manifestBytes);
    const source = memorySource(other!.chunks);
    const after = await openWhole(source, other!.manifestBytes, { previous: index });
    expect(source.fetched).toEqual([]);
    expect((await after.queryTower())?.at(-1)).toBe(2);
    expect((await index.queryTower())?.at(-1)).toBe(1);
    expect([index.version, after.version]).toEqual([one!.version, other!.version]);
  });

  it("shares the base with the version without changes too, and nothing with another base", async () => {
    const { model, index, chunks } = await play(scenario);
    const written = await writeArtifact(new Model(SMALL).input());
    const source = memorySource(chunks);
    const rolledBack = await openWhole(source, written.manifestBytes, { previous: index });
    expect(source.fetched).toEqual([]);
    expect(rolledBack.version).toBe(written.version);
    expect(rolledBack.manifest.numItems).toBe(SMALL.n);
    const other = await writeArtifact(model.input());
    const otherSource = memorySource(other.chunks);
    await openWhole(otherSource, other.manifestBytes, { previous: index });
    expect(otherSource.fetched.length).toBeGreaterThan(1);
  });
});
