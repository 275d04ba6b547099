import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initializeCodebook, Random, resolveConfig } from "@poeem/indexing-layer";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { createCodebook, encode, writeArtifact } from "@poeem/pq-core/write";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import { toCsr } from "../src/data/csr.ts";
import { EVALUATION_FILE, type EvaluationResult } from "../src/evaluate/result.ts";
import type { EvaluationRow, RowKind } from "../src/evaluate/row.ts";
import { rankingMetrics } from "../src/rank/metrics.ts";
import { REPORT_FILE, writeReport } from "../src/report/write-report.ts";
import { TRAINING_LOG_FILE, type TrainingLog } from "../src/train/training-log.ts";

const HOSTILE = '</title><script>alert("1")</script>';
let folder: string;
let version: string;
const bytesOf = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

const log: TrainingLog = {
  records: Array.from({ length: 40 }, (_, i) => ({
    step: 10 * (i + 1),
    epoch: 1 + Math.floor(i / 20),
    examples: 640 * (i + 1),
    loss: 5 / (i + 1),
    distortion: i < 15 ? null : 0.3 / (i - 10),
    ...(i % 8 === 7 ? { validationRecall: 0.01 * i } : {}),
    seconds: i + 1,
  })),
  milestones: [{ step: 150, text: "codebooks are in place" }],
  validation: { k: 10, queries: 500 },
};

function row(kind: RowKind, nprobe: number | null, bytesPerItem: number, found: number): EvaluationRow {
  const ranked = Array.from({ length: 20 }, (_, i) => (i < found ? [1] : [2]));
  const metrics = rankingMetrics(ranked, toCsr(ranked.map(() => [1])));
  return {
    name: kind,
    kind,
    bytesPerItem,
    nprobe,
    scanned: (nprobe ?? 4) / 4,
    overlapAt10: null,
    recallAt10Unnamed: null,
    ...metrics,
  };
}

beforeAll(async () => {
  await useBackend("wasm");
  folder = await mkdtemp(join(tmpdir(), "poeem-report-"));
  const shape = { dim: 8, nlist: 4, numSubQuantizers: 4, nbits: 4 } as const;
  const random = new Random(2);
  const vectors = Float32Array.from({ length: 8 * 200 }, () => random.normal());
  const fitted = await initializeCodebook(vectors, resolveConfig({ ...shape, rotation: "none" }), random);
  const { coarseCentroids, centroids } = fitted;
  const codebook = createCodebook({ ...shape, metric: "innerProduct", byResidual: true, coarseCentroids, centroids });
  const artifact = await writeArtifact({
    codebook,
    ...encode(codebook, vectors),
    ids: Array.from({ length: 200 }, (_, i) => `item ${i}`),
    defaultNprobe: 2,
    training: { seed: 3, backend: "node-gpu", config: { name: HOSTILE, training: { scale: 30 } } },
  });
  version = artifact.version;
  await writeIndexDirectory(join(folder, "index"), artifact, { [TRAINING_LOG_FILE]: bytesOf(log) });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function report(): Promise<string> {
  await writeReport(join(folder, "index"));
  return readFile(join(folder, "index", REPORT_FILE), "utf8");
}

function expectSound(html: string, figures: number): void {
  // nothing from outside, nothing that runs
  expect(html).not.toMatch(/<script|<link|<img|<iframe|\bon[a-z]+=|url\((?!#)|@import/i);
  expect(html.replaceAll(/xmlns(:xlink)?="http[^"]*"/g, "")).not.toMatch(/https?:/);
  const ids = Array.from(html.matchAll(/ id="([^"]*)"/g), ([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const images = Array.from(html.matchAll(/<svg class="(wide|narrow)" role="img" aria-labelledby="(\S+) (\S+)"/g));
  expect(images).toHaveLength(2 * figures);
  for (const [, , title, description] of images) {
    for (const id of [title, description]) expect(html).toMatch(new RegExp(`id="${id}">[^<]+<`));
  }
  expect(html.match(/<figure/g)).toHaveLength(figures);
  // every figure's data as a table too
  expect(html.match(/<figure.*?<table.*?<\/figure>/gs)).toHaveLength(figures);
  expect(html).not.toMatch(/NaN|undefined|Infinity/);
}

describe("report.html", () => {
  it("shows curves and codes before anything is evaluated, and says how to evaluate", async () => {
    const html = await report();
    expectSound(html, 6);
    for (const title of ["Loss", "Distortion", "Validation recall@10", "Use of the codes", "Sizes of the cells"])
      expect(html).toContain(`<h3>${title}</h3>`);
    expect(html).toContain("poeem evaluate --report");
    expect(html).toContain("best 0.3900");
    expect(html).toContain("Trained on TensorFlow.js&#39;s node-gpu backend.");
    expect(html).toContain('<th scope="row">training.scale</th><td>30</td>');
  });

  it("shows text of the index as text", async () => {
    const html = await report();
    expect(html).toContain("&lt;/title&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;");
    expect(html).not.toContain(HOSTILE);
  });

  it("adds what is found from the last evaluation of this version, and of no other", async () => {
    const result: EvaluationResult = {
      index: "index",
      version,
      items: 200,
      queries: 20,
      heldOut: 80,
      testPairs: 90,
      alsoTrained: { queries: 0, pairs: 0 },
      unknownQueries: 0,
      unnamedQueries: null,
      backend: "wasm",
      seconds: 1,
      rows: [
        row("dense", null, 32, 16),
        row("index", 1, 2, 8),
        row("index", 2, 2, 12),
        row("index", 4, 2, 15),
        row("ivf-pq", 4, 2, 11),
        row("ivf-opq", 4, 2, 12),
        row("ivf-pq", 4, 4, 14),
        row("ivf-opq", 4, 4, 14),
        row("baseline", null, 4, 2),
      ],
    };
    const file = join(folder, "index", EVALUATION_FILE);
    await writeFile(file, bytesOf(result));
    const html = await report();
    expectSound(html, 9);
    expect(html).toContain("20 of 80 held-out queries");
    expect(html).toContain("full ranking of all 200 items, computed on TensorFlow.js&#39;s wasm backend.");
    // 12 of 16: at the default nprobe
    expect(html).toMatch(/<dt>share of dense brute force&#39;s recall<\/dt><dd>75\.0 %<\/dd>/);
    expect(html).toContain("<h3>Recall@50 against bytes per item</h3>");
    expect(html).toContain("At 2 bytes this index has 0.7500, OPQ made afterwards from the same dense vectors 0.6000");
    const perfect = result.rows.map((one) => row(one.kind, one.nprobe, one.bytesPerItem ?? 0, 20));
    await writeFile(file, bytesOf({ ...result, rows: perfect }));
    const axes = await report();
    expectSound(axes, 9);
    expect(axes).toMatch(/>1(\.0)?<\/text>/);
    expect(axes).not.toMatch(/>1\.0?[1-9]<\/text>/);
    await writeFile(file, bytesOf({ ...result, version: "another" }));
    expectSound(await report(), 6);
    await writeFile(file, "{");
    await expect(report()).rejects.toThrow(/evaluation\.json cannot be read/);
    await rm(file);
  });

  it("sets words, codes and both beside one another, with or without dense brute force", async () => {
    const spoiled = { ...row("spoiled", 2, 50, 9), name: "hybrid, one edit", cleanRecallAt10: 0.8 };
    const baseline = { ...row("baseline", null, 4, 10), name: "BM25F" };
    const rows = [
      ...[1, 2, 4].map((nprobe, i) => row("index", nprobe, 2, 8 + i)),
      row("words", null, 48, 11),
      ...[1, 2, 4].map((nprobe, i) => row("hybrid", nprobe, 50, 15 + i)),
      ...[spoiled, baseline],
    ];
    const about = { index: "index", version, items: 200, queries: 20, heldOut: 20, testPairs: 20, unknownQueries: 0 };
    const result = { ...about, alsoTrained: { queries: 0, pairs: 0 }, unnamedQueries: 18, seconds: 1, rows };
    const file = join(folder, "index", EVALUATION_FILE);
    await writeFile(file, bytesOf(result satisfies EvaluationResult));
    const html = await report();
    expectSound(html, 8);
    expect(html).toContain("<h3>Words, codes and both</h3>");
    expect(html).toContain("together find 0.8000, codes alone 0.4500, words alone 0.5500. hybrid, one edit: recall@10");
    expect(html).toContain("<dt>recall@10 by words and codes</dt><dd>0.8000</dd>");
    expect(html).toContain("all cells give 0.5000, with words 0.8500.");
    expect(html).not.toContain("dense brute force");
    await writeFile(file, bytesOf({ ...result, rows: [row("dense", null, 32, 16), ...rows] }));
    expectSound(await report(), 9);
    await rm(file);
  });

  it("does without a log", async () => {
    await rm(join(folder, "index", TRAINING_LOG_FILE));
    expectSound(await report(), 3);
  });
});
