/**
 * Whole-search time of the ADC kernels over random codes, one thread, one query at a time:
 * table + coarse quantizer + scan + exact re-scoring + top-k, through the public `search`.
 *
 *     npm run bench:adc -- [--json] [--faiss [PYTHON]] [--faiss-level AVX2] [--n 1000000] [--reps 40] [--only 4x16]
 *         [--kernels simd,relaxed-simd] [--runtimes node,workerd]
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Index, type KernelFactory, loadKernel, openArtifact, scalarKernel } from "@poeem/pq-core";
import { writeArtifact } from "@poeem/pq-core/write";
import { FaissPeer } from "./adc-peer.ts";
import { type AdcData, type AdcRow, adcData, adcRows, median, NUM_QUERIES } from "./adc-shapes.ts";
import { WorkerdPeer } from "./adc-workerd.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    faiss: { type: "boolean", default: false },
    "faiss-level": { type: "string", default: "AVX2" },
    n: { type: "string", default: "1000000" },
    reps: { type: "string", default: "48" },
    rounds: { type: "string", default: "5" },
    only: { type: "string" },
    runtimes: { type: "string", default: "node,workerd" },
    kernels: { type: "string", default: "relaxed-simd,simd" },
  },
});
const python = positionals[0] ?? process.env["POEEM_PYTHON"] ?? "python3";
interface Result extends AdcRow {
  readonly kernel: string;
  readonly runtime: "node" | "workerd";
  readonly medianMs: number;
  readonly minMs: number;
  /** Our median over Faiss's, and our minimum over Faiss's, in the same rounds. */
  readonly ratioMedian?: number;
  readonly ratioMin?: number;
  /** Share of Faiss's top-k ids that we return too. */
  readonly overlapAtK?: number;
}

function kernelOf(kernel: string): KernelFactory {
  if (kernel === "scalar") return scalarKernel;
  const file = kernel === "simd" ? "kernel.wasm" : "kernel-relaxed.wasm";
  return loadKernel(new WebAssembly.Module(readFileSync(new URL(import.meta.resolve(`@poeem/pq-core/${file}`)))));
}

async function open(data: AdcData, n: number, kernel: string): Promise<Index> {
  const { codebook, assignments, codes } = data;
  const ids = Uint32Array.from({ length: n }, (_, i) => i);
  const artifact = await writeArtifact({ codebook, assignments, codes, ids });
  const chunks = new Map(artifact.chunks.map(({ key, bytes }) => [key, bytes]));
  const source = { get: async (key: string) => chunks.get(key)! };
  const index = await openArtifact(source, artifact.manifestBytes, { kernel: kernelOf(kernel) });
  if (index.kernel !== kernel) throw new Error(`expected kernel ${kernel}, got ${index.kernel}`);
  return index;
}

async function run(index: Index, queries: Float32Array[], row: AdcRow, reps: number): Promise<number[]> {
  const times: number[] = [];
  for (let rep = 0; rep < reps; rep++) {
    const start = performance.now();
    await index.search(queries[rep % queries.length]!, { k: row.k, nprobe: row.nprobe });
    times.push(performance.now() - start);
  }
  return times;
}

function writeArrays(dir: string, data: AdcData): void {
  const put = (name: string, array: Float32Array | Uint32Array | Uint8Array): void =>
    writeFileSync(join(dir, name), new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  put("codes.bin", data.codes);
  put("centroids.bin", data.codebook.centroids);
  put("coarse.bin", data.codebook.coarseCentroids);
  put("assignments.bin", data.assignments);
  put("queries.bin", data.queries);
}

async function overlap(index: Index, queries: Float32Array[], row: AdcRow, faissIds: number[][]): Promise<number> {
  let shared = 0;
  for (const [i, query] of queries.entries()) {
    const { ordinals } = await index.search(query, { k: row.k, nprobe: row.nprobe });
    const ours = new Set((await index.items(ordinals)).map(({ id }) => Number(id)));
    shared += faissIds[i]!.filter((id) => ours.has(id)).length;
  }
  return shared / (queries.length * row.k);
}

const kernels = flags.kernels.split(",");
const reps = Number(flags.reps);
const rows = adcRows(Number(flags.n)).filter(
  ({ nbits, M }) => flags.only === undefined || `${nbits}x${M}` === flags.only,
);
const peer = flags.faiss
  ? new FaissPeer(python, flags["faiss-level"] === "" ? undefined : flags["faiss-level"])
  : undefined;
const peerFacts = await peer?.hello();
const results: Result[] = [];
const workerd = flags.runtimes.split(",").includes("workerd") ? new WorkerdPeer() : undefined;
await workerd?.start();
const log = (text: string): void => {
  if (!flags.json) console.log(text);
};
const peerName = peerFacts === undefined ? "" : ` · Faiss ${peerFacts.faiss} ${peerFacts.level}`;
log(`${cpus()[0]?.model} · Node ${process.version}${peerName}`);

/**
 * Rounds that searches of a few microseconds need before the engine has compiled all they call: some thousand calls.
 */
const WARM_UP = 10;

/** Rows of one index together, so that it is made once. */
const groups = new Map<string, AdcRow[]>();
for (const row of rows) {
  const name = `${row.nbits}x${row.M} nlist ${row.nlist}`;
  groups.set(name, [...(groups.get(name) ?? []), row]);
}
for (const [name, group] of groups) {
  const shape = group[0]!;
  const data = adcData(shape);
  const queries = Array.from({ length: NUM_QUERIES }, (_, i) => data.queries.slice(i * shape.dim, (i + 1) * shape.dim));
  const dir = mkdtempSync(join(tmpdir(), "bench-adc-"));
  if (peer !== undefined) {
    writeArrays(dir, data);
    await peer.ask({ open: { ...shape, dir } });
  }
  rmSync(dir, { recursive: true });
  const indexes = new Map<string, Index>();
  for (const kernel of kernels) indexes.set(kernel, await open(data, shape.n, kernel));
  for (const row of group) {
    // Searches of a few microseconds need more repeats to be compiled and to be measured.
    const rowReps = row.nlist > 0 ? 10 * reps : reps;
    const times = new Map<string, number[]>(kernels.map((kernel) => [kernel, []]));
    const faissTimes: number[] = [];
    let faissIds: number[][] = [];
    // Rounds alternate, so that a busy moment of the machine meets all of them. The first round only warms up.
    for (let round = 0; round <= Number(flags.rounds); round++) {
      for (const kernel of kernels) {
        const rounds = round === 0 && row.nlist > 0 ? WARM_UP : 1;
        const ms = await run(indexes.get(kernel)!, queries, row, kernel === "scalar" ? 3 : rounds * rowReps);
        if (round > 0) times.get(kernel)!.push(...ms);
      }
      if (peer === undefined) continue;
      const answer = await peer.ask<{ ms: number[]; ids: number[][] }>({
        run: { k: row.k, nprobe: row.nprobe, reps: rowReps },
      });
      faissIds = answer.ids;
      if (round > 0) faissTimes.push(...answer.ms);
    }
    for (const kernel of kernels) {
      const ms = times.get(kernel)!;
      const result: Result = { kernel, runtime: "node", ...row, medianMs: median(ms), minMs: Math.min(...ms) };
      const compared =
        peer === undefined
          ? result
          : {
              ...result,
              ratioMedian: result.medianMs / median(faissTimes),
              ratioMin: result.minMs / Math.min(...faissTimes),
              overlapAtK: await overlap(indexes.get(kernel)!, queries, row, faissIds),
            };
      results.push(compared);
      log(format(compared));
    }
    if (peer !== undefined) {
      const faiss: Result = {
        kernel: `faiss ${peerFacts!.level}`,
        runtime: "node",
        ...row,
        medianMs: median(faissTimes),
        minMs: Math.min(...faissTimes),
      };
      results.push(faiss);
      log(format(faiss));
    }
  }
  if (workerd !== undefined) await measureWorkerd(workerd, group);
  log(`-- ${name} done`);
}
peer?.close();
await workerd?.close();
if (flags.json)
  console.log(JSON.stringify({ node: process.version, cpu: cpus()[0]?.model, ...peerFacts, rows: results }, null, 1));

/** Short batches, because what else runs on the machine falls into long ones. "min" is the first decile here. */
async function measureWorkerd(worker: WorkerdPeer, group: readonly AdcRow[]): Promise<void> {
  for (const kernel of kernels.filter((name) => name !== "scalar")) {
    await worker.open(group[0]!, kernel);
    for (const row of group) {
      const batch = row.nlist > 0 ? 100 : row.nbits === 4 ? 10 : 2;
      for (let warm = 0; warm < 10; warm++) await worker.run(row, batch);
      const ms: number[] = [];
      for (let round = 0; round < 40; round++) ms.push(await worker.run(row, batch));
      ms.sort((a, b) => a - b);
      const result: Result = { kernel, runtime: "workerd", ...row, medianMs: median(ms), minMs: ms[4]! };
      results.push(result);
      log(format(result));
    }
  }
}

function format(r: Result): string {
  const ratio =
    r.ratioMin === undefined
      ? ""
      : `  ratio ${r.ratioMedian!.toFixed(2)} (min ${r.ratioMin.toFixed(2)})  overlap ${r.overlapAtK!.toFixed(3)}`;
  const shape = `${r.nbits}x${r.M} nlist ${r.nlist} nprobe ${r.nprobe} k ${r.k}`;
  const times = `median ${r.medianMs.toFixed(4)} ms  min ${r.minMs.toFixed(4)} ms`;
  return `${shape.padEnd(36)} ${`${r.kernel} ${r.runtime}`.padEnd(22)} ${times}${ratio}`;
}
