/**
 * Embeddings and few clicks: recall@10 of held-out queries by the vectors as they are, by an index of them alone, and
 * by vectors and index tuned on the clicks, with default settings. DIR has items.jsonl and queries.jsonl of tldr-pages,
 * gzip or not; PYTHON has what bench/embeddings/embed.py asks for. Queries are held out by `fnv1a32(query) % 10 == 0`.
 *
 *     npm run bench:embeddings -- --data DIR --python PYTHON [--clicks 2000] [--seed 1] [--json]
 */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { DuckDBInstance, type DuckDBValue } from "@duckdb/node-api";
import { Random } from "@poeem/indexing-layer";
import { readVectors } from "@poeem/offline/files";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { fnv1a32, openQueryTower } from "@poeem/towers";
import { ITEM_VECTORS_FILE } from "@poeem/training/artifact/export";
import { bytesPerItem } from "@poeem/training/artifact/summary";
import { useBackend } from "@poeem/training/backend/backend";
import { emptyLists, toCsr } from "@poeem/training/data/csr";
import { rankExhaustively } from "@poeem/training/rank/dense-rank";
import { rankingMetrics } from "@poeem/training/rank/metrics";
import { trainIndex } from "@poeem/training/train-index";

const { values: flags } = parseArgs({
  options: {
    data: { type: "string" },
    python: { type: "string" },
    clicks: { type: "string", default: "2000" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const { data, python } = flags;
if (!data || !python) throw new Error("expected --data DIR and --python PYTHON");

const K = 10;
const COLUMNS = { items: { embeddings: ["vec"] }, queries: { embeddings: ["vec"], encoder: "wordllama-256" } };
const seed = Number(flags.seed);

interface Click {
  readonly query: string;
  readonly item: string;
}

const connection = await (await DuckDBInstance.create(":memory:")).connect();
const rowsOf = async (sql: string): Promise<DuckDBValue[][]> => (await connection.runAndReadAll(sql)).getRows();
/** Vectors by the first column. */
async function vectorsOf(sql: string): Promise<Map<string, Float32Array>> {
  const rows = await rowsOf(sql);
  return new Map(rows.map(([key, list]) => [String(key), Float32Array.from((list as { items: number[] }).items)]));
}

/** What is held out, and some of the other clicks. */
async function splitClicks(): Promise<{ clicks: Click[]; held: Click[] }> {
  const rows = await rowsOf(
    `SELECT query, item::VARCHAR FROM read_json('${resolve(data!)}/queries.jsonl*') ORDER BY ALL`,
  );
  const all = rows.map(([query, item]) => ({ query: String(query), item: String(item) }));
  const isHeld = ({ query }: Click): boolean => fnv1a32(query) % 10 === 0;
  const others = all.filter((click) => !isHeld(click));
  const chosen = new Random(seed).permutation(others.length).subarray(0, Number(flags.clicks));
  return { clicks: Array.from(chosen, (i) => others[i]!), held: all.filter(isHeld) };
}

/** Recall of each way to rank; items by their ids. */
async function measure(folder: string, { clicks, held }: Awaited<ReturnType<typeof splitClicks>>) {
  const lines = (rows: readonly Click[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  await writeFile(join(folder, "clicks.jsonl"), lines(clicks));
  await writeFile(join(folder, "held.jsonl"), lines(held));
  const given = await vectorsOf(`SELECT id::VARCHAR, vec::FLOAT[] FROM '${folder}/items.parquet' ORDER BY id::VARCHAR`);
  const asked = await vectorsOf(`SELECT query, vec::FLOAT[] FROM '${folder}/asked.parquet'`);
  const numbers = new Map(Array.from(given.keys(), (id, i) => [id, i]));
  const queries = [...new Set(held.map(({ query }) => query))];
  const wanted = new Map(queries.map((query) => [query, new Set<number>()]));
  for (const { query, item } of held) wanted.get(query)!.add(numbers.get(item)!);
  const relevant = toCsr(Array.from(wanted.values(), (items) => [...items].sort((a, b) => a - b)));
  const recallOf = (ranked: readonly ArrayLike<number>[]): number => rankingMetrics(ranked, relevant).recallAt10;
  const exactly = async (items: Float32Array, vectorOf: (query: string) => Float32Array): Promise<number> => {
    const encode = (query: number) => ({ vectors: [vectorOf(queries[query]!)] });
    const dim = items.length / numbers.size;
    return recallOf(await rankExhaustively(encode, { items, dim, k: K, seen: emptyLists(queries.length) }));
  };
  const vectors = Float32Array.from(Array.from(given.values(), (vector) => [...vector]).flat());
  await useBackend("wasm");
  print(
    "the vectors as they are, exact search",
    vectors.length / numbers.size,
    await exactly(vectors, (query) => asked.get(query)!),
  );

  const samples = "SELECT * FROM 'asked.parquet' SEMI JOIN 'clicks.jsonl' USING (query)";
  const items = "SELECT id, vec FROM 'items.parquet'";
  const events = { events: "FROM 'clicks.jsonl'", test: "FROM 'held.jsonl'", queries: "FROM 'asked.parquet'" };
  for (const [name, sources, split] of [
    ["alone", { items, queries: samples }, { testModulus: 0 }],
    ["tuned", { items, ...events }, {}],
  ] as const) {
    const config = join(folder, `${name}.config.mjs`);
    const content = { name, data: sources, ...COLUMNS, split, training: { seed } };
    await writeFile(config, `export default ${JSON.stringify(content)};\n`);
    const out = join(folder, name);
    const say = (line: string): void => void process.stderr.write(`${line}\n`);
    await trainIndex({ config, out, backend: "wasm", checkpointEvery: 3600, say });
    const index = await openIndexDirectory(out);
    const tower = openQueryTower((await index.queryTower())!);
    const embed = (query: string) => tower.embed({ embedding: asked.get(query)! }) as Float32Array;
    const { dim, nlist, defaultNprobe } = index.manifest;
    if (name === "tuned") {
      const trained = await readVectors(join(out, ITEM_VECTORS_FILE), dim);
      print("tuned on the clicks, float vectors", dim, await exactly(trained, embed));
    }
    for (const nprobe of new Set([Math.max(1, nlist), defaultNprobe])) {
      const ranked: number[][] = [];
      for (const query of queries) {
        const { ordinals } = await index.search(embed(query), { k: K, nprobe });
        ranked.push((await index.ids(ordinals)).map((id) => numbers.get(String(id))!));
      }
      print(`${name}, index, ${nprobe} of ${nlist} cells`, bytesPerItem(index.manifest) / 4, recallOf(ranked));
    }
  }
}

function print(name: string, numbers: number, recallAt10: number): void {
  const row = { name, bytes: 4 * numbers, recallAt10 };
  const text = `| ${name} | ${row.bytes} | ${recallAt10.toFixed(3)} |`;
  process.stdout.write(`${flags.json ? JSON.stringify(row) : text}\n`);
}

const folder = await mkdtemp(join(tmpdir(), "poeem-embeddings-"));
try {
  const script = fileURLToPath(new URL("./embeddings/embed.py", import.meta.url));
  execFileSync(python, [script, resolve(data), folder], { stdio: ["ignore", "inherit", "inherit"] });
  await measure(folder, await splitClicks());
} finally {
  await rm(folder, { recursive: true });
}
