/**
 * Codes of vectors alone: what is left of the exact top 10 (overlap@10) by codes of 16 and 32 bytes, learned with and
 * without sample queries, and by Faiss with as many bytes, cells and probes.
 *
 *     npm run bench:vectors -- --json [--items 100000] [--sample 2000] [--queries 1000] [--seed 1] [--python PYTHON]
 *       [--sets sift-like,text-like] [--bytes 16,32]
 *
 * `--python` names a Python with faiss-cpu; without it there are no rows of Faiss. An item compared by l2 takes four
 * bytes more here: rows say how many.
 */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { adcKernel } from "@poeem/offline/index-folder/kernel";
import { type Index, openArtifact } from "@poeem/pq-core";
import { writeArtifact } from "@poeem/pq-core/write";
import { bytesPerItem } from "@poeem/training/artifact/summary";
import { useBackend } from "@poeem/training/backend/backend";
import { encodeLearned, learnCodes, usualSample } from "@poeem/training/codes/learn";
import { emptyLists } from "@poeem/training/data/csr";
import { decodedVectors, rankWithIndex } from "@poeem/training/rank/index-rank";
import { searchExactly } from "@poeem/training/vectors/exact-search";
import { type SetSize, siftLike, textLike, type VectorSet } from "./vectors/sets.ts";

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    items: { type: "string", default: "100000" },
    sample: { type: "string", default: "2000" },
    queries: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    python: { type: "string" },
    sets: { type: "string", default: "sift-like,text-like" },
    bytes: { type: "string", default: "16,32" },
  },
});

interface Row {
  readonly set: string;
  readonly name: string;
  readonly bytes: number;
  readonly nprobe: number;
  /** Share of the items whose codes a query reads. */
  readonly scanned: number;
  readonly overlapAt10: number;
  /** Of the mean over the queries. */
  readonly standardError: number;
  /** Of learning and encoding. */
  readonly cpuSeconds: number;
}

type Measured = Omit<Row, "set" | "overlapAt10" | "standardError"> & { readonly found: readonly ArrayLike<number>[] };

const K = 10;

async function measureOurs(set: VectorSet, bytes: number, nlist: number, probes: number[], seed: number) {
  const { dim, metric, items, queries } = set;
  const rows: Measured[] = [];
  const n = items.length / dim;
  for (const [name, sample] of [
    ["poeem, no queries", undefined],
    ["poeem, sample queries", set.sample],
  ] as const) {
    const started = process.cpuUsage();
    const shape = { dim, nlist, numSubQuantizers: bytes, nbits: 8, metric, scoreAware: true, seed } as const;
    // items are in no order: the first ones are a sample, as `poeem train` takes one
    const learned = await learnCodes(items.slice(0, usualSample(dim) * dim), sample, shape);
    const encoded = await encodeLearned(learned, items);
    const { user, system } = process.cpuUsage(started);
    const ids = Array.from({ length: n }, (_, i) => i);
    const artifact = await writeArtifact({ codebook: learned.codebook, ...encoded, ids: Uint32Array.from(ids) });
    const chunks = new Map(artifact.chunks.map(({ key, bytes }) => [key, bytes]));
    const source = { get: async (key: string) => chunks.get(key)! };
    const index: Index = await openArtifact(source, artifact.manifestBytes, { kernel: await adcKernel() });
    const decoded = await decodedVectors(index, ids);
    const encode = (query: number) => ({ vectors: [queries.slice(query * dim, (query + 1) * dim)] });
    for (const nprobe of probes) {
      const seen = emptyLists(queries.length / dim);
      const { ranked, scanned } = await rankWithIndex(index, encode, decoded, { ids, k: K, nprobe, seen });
      const cpuSeconds = (user + system) / 1e6;
      rows.push({ name, bytes: bytesPerItem(index.manifest), nprobe, scanned, cpuSeconds, found: ranked });
    }
  }
  return rows;
}

async function measureFaiss(
  python: string,
  { dim, metric, items, queries }: VectorSet,
  bytes: number,
  nlist: number,
  probes: number[],
  seed: number,
): Promise<Measured[]> {
  const folder = await mkdtemp(join(tmpdir(), "poeem-bench-"));
  try {
    const [itemsFile, queriesFile] = [join(folder, "items.f32"), join(folder, "queries.f32")];
    await writeFile(itemsFile, items);
    await writeFile(queriesFile, queries);
    const script = fileURLToPath(new URL("./vectors/faiss-ivf.py", import.meta.url));
    const args = [script, itemsFile, queriesFile, dim, metric, nlist, bytes, probes.join(","), seed].map(String);
    const options = { maxBuffer: 1 << 30, env: { ...process.env, OMP_NUM_THREADS: "1" } };
    const lines = execFileSync(python, args, options).toString().trim().split("\n");
    return lines.map((line) => JSON.parse(line) as Measured);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const seed = Number(flags.seed);
const size: SetSize = { items: +flags.items, sample: +flags.sample, queries: +flags.queries, seed };
const nlist = 2 ** Math.floor(Math.log2(2 * Math.sqrt(size.items)));
// as many cells hold other shares of the items for each: among so many some are alike
const probes = [...new Set([6, 5, 4, 2, 0].map((halvings) => Math.max(1, nlist >> halvings)))];
await useBackend("wasm");
const makers = { "sift-like": siftLike, "text-like": textLike };
for (const [name, make] of Object.entries(makers)) {
  if (!flags.sets.split(",").includes(name)) continue;
  const set = make(size);
  const { dim, metric, items, queries } = set;
  const stream = {
    ...{ count: size.items, length: dim },
    each: (visit: (numbers: Uint32Array, vectors: Float32Array) => Promise<void>) =>
      visit(
        Uint32Array.from({ length: size.items }, (_, i) => i),
        items.slice(),
      ),
  };
  const nobody = new Int32Array(size.queries).fill(-1);
  const exact = await searchExactly(stream, metric, queries, nobody, K);
  for (const bytes of flags.bytes.split(",").map(Number)) {
    const measured = await measureOurs(set, bytes, nlist, probes, seed);
    if (flags.python) measured.push(...(await measureFaiss(flags.python, set, bytes, nlist, probes, seed)));
    for (const { found, ...row } of measured) {
      const overlaps = exact.map((best, query) => {
        const own = new Set(Array.from(found[query]!));
        return best.filter((item) => own.has(item)).length / K;
      });
      const mean = overlaps.reduce((sum, value) => sum + value, 0) / overlaps.length;
      const variance = overlaps.reduce((sum, value) => sum + (value - mean) ** 2, 0) / overlaps.length;
      print({ set: name, ...row, overlapAt10: mean, standardError: Math.sqrt(variance / overlaps.length) });
    }
  }
}

function print(row: Row): void {
  if (flags.json) return void process.stdout.write(`${JSON.stringify(row)}\n`);
  const { set, name, bytes, nprobe, scanned, overlapAt10, standardError, cpuSeconds } = row;
  process.stdout.write(
    `${set}, ${bytes} bytes, ${name}, nprobe ${nprobe} (${(100 * scanned).toFixed(1)} %): overlap@10 ` +
      `${overlapAt10.toFixed(4)} ± ${standardError.toFixed(4)}, ${cpuSeconds.toFixed(0)} CPU s\n`,
  );
}
