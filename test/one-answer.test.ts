/** One question, one answer: a history longer than any limit, asked of the Worker and of the command. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Artifact, type Merge, openArtifact, scalarKernel } from "@poeem/pq-core";
import { createCodebook, encode, writeArtifact } from "@poeem/pq-core/write";
import { type HistoryForm, openQueryTower, type QueryTowerWeights, rowsOf, writeQueryTower } from "@poeem/towers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { poeem, serve, WORKER } from "./run.ts";

interface Answer {
  readonly codesScanned: number;
  readonly results: readonly { readonly id: string; readonly score: number }[];
}

const DIM = 16;
const NLIST = 4;
const ITEMS = 600;
const TRAINED_LENGTH = 100;
const FORMS: readonly HistoryForm[] = ["mixture", "mean", "attention"];
/** The name of the index whose tower was not trained on histories. */
const UNTRAINED = "untrained";
const HISTORY = Array.from({ length: 150 }, (_, i) => `item-${(i * 7) % ITEMS}`);

let state = 7;
function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 31 - 1;
}
const floats = (length: number): Float32Array => Float32Array.from({ length }, random);

function towerOf(form: HistoryForm): QueryTowerWeights {
  const partition = {
    values: Int8Array.from(floats(5 * DIM), (value) => Math.round(value * 100)),
    scales: floats(5).map((value) => Math.abs(value) / 100),
    bias: floats(5),
  };
  const history = {
    ...({ kind: "history", form, length: TRAINED_LENGTH, scale: 6 } as const),
    ...(form === "mixture" && { partition }),
    ...(form === "attention" && { attention: floats(DIM) }),
  };
  return { width: DIM, inputs: [history], layers: [], skip: false };
}

async function makeIndex(tower?: QueryTowerWeights): Promise<Artifact> {
  const shape = { dim: DIM, metric: "innerProduct", nlist: NLIST, numSubQuantizers: 8, nbits: 4 } as const;
  const codebook = createCodebook({
    ...{ ...shape, byResidual: true },
    coarseCentroids: floats(NLIST * DIM),
    centroids: floats(16 * DIM),
  });
  return writeArtifact({
    codebook,
    ...encode(codebook, floats(ITEMS * DIM)),
    ids: Array.from({ length: ITEMS }, (_, i) => `item-${i}`),
    queryTower: tower && writeQueryTower(tower),
  });
}

const artifacts = new Map<string, Artifact>();
let folder: string;
let server: Awaited<ReturnType<typeof serve>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "poeem-one-answer-"));
  for (const form of FORMS) artifacts.set(form, await makeIndex(towerOf(form)));
  artifacts.set(UNTRAINED, await makeIndex());
  for (const [name, { chunks, manifestBytes }] of artifacts) {
    const index = join(folder, name);
    await mkdir(index);
    for (const { key, bytes } of chunks) await writeFile(join(index, key), bytes);
    await writeFile(join(index, "manifest.json"), manifestBytes);
    const where = ["--to", "local", "--worker", WORKER, "--persist", join(folder, "state"), "--name", name];
    const { code, stderr } = await poeem(["publish", "--index", index, ...where]);
    expect(code, stderr).toBe(0);
  }
  server = await serve(join(folder, "state"));
});

afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function ofWorker(name: string, history: readonly string[]): Promise<Answer> {
  const response = await fetch(`${server.address}/search`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ index: name, history, k: 50, nprobe: NLIST }),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Answer;
}

async function ofCommand(name: string, history: readonly string[]): Promise<Answer> {
  const asked = ["--history", history.join(), "--k", "50", "--nprobe", String(NLIST), "--json"];
  const { stdout, stderr, code } = await poeem(["search", "--index", join(folder, name), ...asked]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Answer;
}

/** The newest `length` items of the history through the tower by hand, none of the history among the results. */
async function expected(name: string, length: number): Promise<Answer["results"]> {
  const { chunks, manifestBytes } = artifacts.get(name)!;
  const bytesOf = new Map(chunks.map(({ key, bytes }) => [key, bytes]));
  const opening = { kernel: scalarKernel };
  const index = await openArtifact({ get: async (key) => bytesOf.get(key)! }, manifestBytes, opening);
  const items = await index.vectors(await index.ordinals(HISTORY.slice(-length)));
  const tower = await index.queryTower();
  const embedded = tower ? openQueryTower(tower).embed({ history: items }) : undefined;
  const vectors = embedded instanceof Float32Array ? [embedded] : (embedded?.vectors ?? rowsOf(items, DIM));
  const isMixture = embedded !== undefined && !(embedded instanceof Float32Array);
  const merge: Merge | undefined = isMixture
    ? { by: "sumExp", temperature: embedded.temperature, weights: embedded.weights, exact: false }
    : undefined;
  const found = await index.search(vectors, { k: 50, nprobe: NLIST, exclude: HISTORY, merge });
  const ids = await index.items(found.ordinals);
  return ids.map(({ id }, i) => ({ id: String(id), score: found.scores[i]! }));
}

function expectSame(results: Answer["results"], others: Answer["results"]): void {
  expect(results.map(({ id }) => id)).toEqual(others.map(({ id }) => id));
  for (const [i, { score }] of results.entries()) expect(score).toBeCloseTo(others[i]!.score, 5);
}

describe.each([
  ...FORMS.map((form) => ({ name: form as string, length: TRAINED_LENGTH, reported: TRAINED_LENGTH })),
  { name: UNTRAINED, length: 50, reported: 0 },
])("a history of 150 where $length are read, $name", ({ name, length, reported }) => {
  it("has one answer, of as many items as /version says", async () => {
    // First, as /version tells of an index that serves, and makes nobody read one.
    const worker = await ofWorker(name, HISTORY);
    const version = (await (await fetch(`${server.address}/version?index=${name}`)).json()) as {
      index: { reads: { historyLength: number } };
    };
    expect(version.index.reads.historyLength).toBe(reported);
    const command = await ofCommand(name, HISTORY);
    expect(worker.results).toHaveLength(50);
    expectSame(worker.results, command.results);
    expect(worker.codesScanned).toBe(command.codesScanned);
    expectSame(worker.results, await expected(name, length));
    expect(await expected(name, length / 2)).not.toEqual(await expected(name, length));
  });
});
