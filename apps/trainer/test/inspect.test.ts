import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "@poeem/indexing-layer";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { printable } from "@poeem/offline/printable";
import { createCodebook, encode, readChunkHeader, writeArtifact } from "@poeem/pq-core/write";
import { DEFAULT_TOKENIZER, writeItemTower, writeQueryTower } from "@poeem/towers";
import { formatFacts } from "@poeem/training/inspect/facts";
import { fileFacts } from "@poeem/training/inspect/file-facts";
import { manifestFacts, usageFacts } from "@poeem/training/inspect/index-facts";
import { codeFigures } from "@poeem/training/report/code-figures";
import { readCheckpointFile, writeCheckpointFile } from "@poeem/training/train/checkpoint-file";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let folder: string;
let chunks: readonly { key: string; bytes: Uint8Array }[];
/** Those of the same items with their pages in tables. */
let pages: typeof chunks;
const dim = 4;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "poeem-inspect-"));
  const random = new Random(1);
  const numbers = (n: number): Float32Array => Float32Array.from({ length: n }, () => random.normal());
  const shape = { dim, metric: "innerProduct", nlist: 2, numSubQuantizers: 2, nbits: 4, byResidual: true } as const;
  const codebook = createCodebook({ ...shape, coarseCentroids: numbers(2 * dim), centroids: numbers(16 * dim) });
  const table = { embeddingDim: dim, hashes: Uint32Array.of(3, 9), scales: numbers(2), values: new Int8Array(2 * dim) };
  const input = {
    codebook,
    ...encode(codebook, numbers(40 * dim)),
    ids: Array.from({ length: 40 }, (_, i) => `item-${i}`),
    fields: Array.from({ length: 40 }, (_, i) => ({ title: `Item ${i}` })),
    facets: { kind: Array.from({ length: 40 }, (_, i) => (i % 2 ? "odd" : "even")) },
    popularQueries: ["red shoes", "tea\u202etop"],
    queryTower: writeQueryTower({
      width: dim,
      inputs: [{ kind: "text", tokenizer: DEFAULT_TOKENIZER, table }],
      layers: [],
      skip: false,
    }),
  };
  const artifact = await writeArtifact(input);
  ({ chunks } = artifact);
  await writeIndexDirectory(join(folder, "index"), artifact, {});
  const paged = await writeArtifact({ ...input, cellsPerPage: 1 });
  pages = paged.chunks;
  await writeIndexDirectory(join(folder, "paged"), paged, {});
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const fileOf = (kind: string): string => join(folder, "index", chunks.find(({ key }) => key.startsWith(kind))!.key);

describe("inspecting one file", () => {
  it.each([
    ["codebook", { coarseCentroids: 2, centroids: "2 × 16 of 2 dimensions", rotation: false }],
    ["lists", { count: 2, roomForItems: 64 }],
    ["items", { count: 40, firstFields: expect.stringMatching(/^\{"title":"Item \d+"\}$/) }],
    ["lookup", { count: 40 }],
    ["filters", { facets: { kind: "2 values" } }],
    ["query-tower", { queryTower: expect.objectContaining({ textFeatures: 2, textTable: "4 dimensions, int8" }) }],
  ])("says of a %s chunk what it is, and that its name and manifest agree", async (kind, expected) => {
    const facts = await fileFacts(fileOf(kind));
    const { size } = await readFile(fileOf(kind)).then(({ length }) => ({ size: length }));
    expect(facts).toMatchObject({ file: "chunk", kind, seq: 0, bytes: size, nameFits: true, ...expected });
    expect(facts["manifestBesideIt"]).toBe("agrees");
  });

  it.each([
    ["lists", { count: expect.any(Number) }],
    ["items", { count: 40, firstId: expect.stringMatching(/^item-\d+$/) }],
    ["filter-pages", { count: 40 }],
    ["pages", { first: 0, count: 40 }],
    ["filters", { facets: { kind: "2 values" } }],
  ])("says of a %s chunk of an index of pages in tables that it belongs to it", async (kind, expected) => {
    const { key } = pages.find(({ key }) => key.startsWith(`${kind}-0`))!;
    const facts = await fileFacts(join(folder, "paged", key));
    expect(facts).toMatchObject({ file: "chunk", kind, nameFits: true, manifestBesideIt: "agrees" });
    expect(facts).toMatchObject(expected);
    expect(facts).not.toHaveProperty("roomForItems");
    expect(await fileFacts(join(folder, "paged", "manifest.json"))).toMatchObject({
      cellsPerPage: 1,
      formatVersion: 2,
    });
  });

  it("sees that a chunk was changed, whatever its name says", async () => {
    const changed = Uint8Array.from(await readFile(fileOf("lists")));
    changed[40]! ^= 1;
    const file = join(folder, "index", "lists-0000-0123456789abcdef.bin");
    await writeFile(file, changed);
    expect(await fileFacts(file)).toMatchObject({
      kind: "lists",
      nameFits: false,
      manifestBesideIt: "does not name it",
    });
    await rm(file);
    const alone = join(folder, "alone.bin");
    await writeFile(alone, changed);
    expect(await fileFacts(alone)).toMatchObject({ kind: "lists", manifestBesideIt: "none" });
    await writeFile(alone, changed.subarray(0, 60));
    await expect(fileFacts(alone)).rejects.toThrow(/"size" expected \d+ bytes, got 60/);
  });

  it("reads manifests and checkpoints", async () => {
    expect(await fileFacts(join(folder, "index", "manifest.json"))).toMatchObject({
      file: "manifest",
      items: 40,
      cells: 2,
    });
    const file = join(folder, "step.ckpt");
    await writeCheckpointFile(file, { measured: 1 }, { "model/rows": new Float32Array(12), step: 7 });
    expect(await fileFacts(file)).toMatchObject({
      file: "checkpoint",
      facts: ["measured"],
      state: { "model/rows": "Float32Array of 12", step: 7 },
    });
  });

  it("knows an item tower whatever its name", async () => {
    const file = join(folder, "other-name");
    const known = { kind: "known", names: ["a"], rows: new Float32Array(dim) } as const;
    await writeFile(file, writeItemTower({ width: dim, inputs: [known], layers: [], skip: false, unit: true }));
    expect(await fileFacts(file)).toMatchObject({ file: "item tower", dimensions: dim, scoreAware: false });
  });

  it("reads no more of a file than its kind may have, and waits for none", async () => {
    const large = join(folder, "large.json");
    for (const start of ["{", await readFile(fileOf("codebook"))]) {
      await writeFile(large, start);
      await truncate(large, 1.5 * 1024 ** 3);
      await expect(fileFacts(large)).rejects.toThrow(
        /large\.json cannot be read: expected at most 8388608 bytes, got 16/,
      );
    }
    const fifo = join(folder, "fifo");
    execFileSync("mkfifo", [fifo]);
    await expect(fileFacts(fifo)).rejects.toThrow("fifo cannot be read: expected a file, got a FIFO");
    await expect(readCheckpointFile(fifo)).rejects.toThrow("expected a file, got a FIFO");
  });

  it("refuses what is none of these", async () => {
    const file = join(folder, "other.txt");
    await writeFile(file, "hello");
    await expect(fileFacts(file)).rejects.toThrow(
      /other\.txt: expected an index folder, a manifest, .* got something else/,
    );
    for (const text of ["{}", '{"name":"a package"}', "{"]) {
      await writeFile(file, text);
      await expect(fileFacts(file)).rejects.toThrow(/other\.txt: .*manifest/);
    }
    const broken = join(folder, "broken");
    await mkdir(broken);
    await writeFile(join(broken, "manifest.json"), "{}");
    await expect(openIndexDirectory(broken)).rejects.toThrow(/broken: .*manifest/);
    await expect(fileFacts(join(folder, "gone"))).rejects.toThrow(/gone cannot be read/);
  });
});

describe("how evenly an index is used", () => {
  it("counts neither padding as centroids nor empty cells as probed", async () => {
    const [M, subDim, nlist] = [3, 2, 6];
    // 10, 16 and 4 centroids; zeros behind them, as an import pads them. The first of each is used by no item.
    const kept = [10, 16, 4];
    const random = new Random(5);
    const row = (m: number, c: number): number[] =>
      Array.from({ length: subDim }, () => (c < kept[m]! ? random.normal() : 0));
    const rows = kept.flatMap((_, m) => Array.from({ length: 16 }, (_, c) => row(m, c)));
    const codebook = createCodebook({
      ...({ dim: M * subDim, metric: "innerProduct", nlist, numSubQuantizers: M, nbits: 4, byResidual: true } as const),
      coarseCentroids: Float32Array.from({ length: nlist * M * subDim }, () => random.normal()),
      centroids: Float32Array.from(rows.flat()),
    });
    const count = 60;
    const artifact = await writeArtifact({
      codebook,
      ids: Uint32Array.from({ length: count }, (_, i) => i),
      assignments: Uint32Array.from({ length: count }, (_, i) => (i % 4) + 1),
      codes: Uint8Array.from({ length: count * M }, (_, at) => 1 + (Math.floor(at / M) % (kept[at % M]! - 1))),
    });
    const directory = join(folder, "padded");
    await writeIndexDirectory(directory, artifact, {});
    const index = await openIndexDirectory(directory);
    expect(await usageFacts(index)).toMatchObject({
      codePerplexity: expect.stringMatching(/ of 16, least 3\.0$/),
      unusedCentroids: 3,
      largestCell: 15,
      emptyCells: 2,
      emptyCellShare: 2 / 6,
    });
    const encoded = await index.codes(Uint32Array.from({ length: count }, (_, i) => i));
    const [ofCodes, ofCells] = codeFigures(index, encoded).map(({ description }) => description);
    expect(ofCodes).toContain("3 of 30 centroids are used by no item");
    expect(ofCells).toContain("2 (33.3 %) empty and never visited");
  });
});

describe("the header of a chunk", () => {
  it("is read or refused, one byte changed anywhere", () => {
    const { bytes } = chunks[0]!;
    expect(readChunkHeader(bytes)).toMatchObject({ kind: "codebook", seq: 0, first: 0, count: 0 });
    for (const at of [0, 1, 2, 3, 4, 5, 6, 7]) {
      const wrong = bytes.slice();
      wrong[at]! ^= 0x40;
      expect(() => readChunkHeader(wrong), `byte ${at}`).toThrow(/\[pq-core\] chunk.*expected/);
    }
  });
});

it("shows the popular queries of an index, fit for a terminal", async () => {
  const { manifest } = await openIndexDirectory(join(folder, "index"));
  const facts = { popularQueries: manifestFacts(manifest)["popularQueries"] };
  expect(formatFacts(facts)).toBe(`popular queries  red shoes, ${printable("tea\u202etop")}\n`);
  expect(printable("tea\u202etop")).not.toContain("\u202e");
});

describe("facts for a person", () => {
  it("are a line each, named in words, without what is absent", () => {
    const facts = {
      numItems: 1234567,
      isDone: true,
      none: undefined,
      empty: [],
      of: { firstPart: [1, 2], share: 0.123456 },
    };
    expect(formatFacts(facts)).toBe(
      "num items      1,234,567\nis done        yes\nof first part  1, 2\nof share       0.1235\n",
    );
  });
});
