/**
 * What changes beside an immutable base cost: time of a search through base + delta over that of an index written anew
 * with the same items, interleaved in one run; time to write the changes and to open them beside a version in memory.
 *
 *     npm run bench:delta -- [--json] [--n 1000000] [--reps 400]
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Artifact, type Index, loadKernel, openArtifact } from "@poeem/pq-core";
import { decode, encode, writeArtifact, writeDelta } from "@poeem/pq-core/write";
import { adcData, median, NUM_QUERIES, seeded } from "./adc-shapes.ts";

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    n: { type: "string", default: "1000000" },
    reps: { type: "string", default: "400" },
  },
});
const file = readFileSync(new URL(import.meta.resolve("@poeem/pq-core/kernel-relaxed.wasm")));
const kernel = loadKernel(new WebAssembly.Module(file));
const [n, reps] = [Number(flags.n), Number(flags.reps)];
const data = adcData({ n, dim: 64, nbits: 4, M: 32, nlist: 1024 });
const { codebook, queries } = data;
const chunks = new Map<string, Uint8Array>();
let fetched = 0;
const source = {
  get: async (key: string) => {
    fetched++;
    return chunks.get(key)!;
  },
};

async function open(artifact: Artifact, previous?: Index): Promise<Index> {
  for (const { key, bytes } of artifact.chunks) chunks.set(key, bytes);
  return openArtifact(source, artifact.manifestBytes, { kernel, previous });
}

const base = await open(await writeArtifact({ ...data, ids: Uint32Array.from({ length: n }, (_, i) => i) }));

/** A third of the changes adds, a third updates, a third removes. */
async function measure(share: number) {
  const third = Math.round((n * share) / 3);
  const next = seeded(7);
  const vectors = decode(codebook, data.assignments.subarray(0, 2 * third), data.codes.subarray(0, 2 * third * 32));
  for (let i = 0; i < vectors.length; i++) vectors[i]! += (next() - 0.5) * 0.5;
  const started = performance.now();
  const encoded = encode(codebook, vectors);
  const encodeMs = performance.now() - started;
  const ids = Uint32Array.from({ length: 2 * third }, (_, i) => (i < third ? n + i : (i * 7919) % n));
  const gone = new Set(ids);
  const remove: number[] = [];
  for (let id = 3; remove.length < third; id = (id + 104729) % n) if (!gone.has(id)) gone.add(id) && remove.push(id);
  const writing = performance.now();
  const artifact = await writeDelta(base, { items: { ...encoded, ids }, remove });
  const writeMs = performance.now() - writing;
  fetched = 0;
  const opening = performance.now();
  const index = await open(artifact, base);
  const openMs = performance.now() - opening;
  const chunksFetched = fetched;
  const all = Uint32Array.from({ length: index.manifest.numItems }, (_, i) => i);
  const fresh = await open(
    await writeArtifact({
      codebook,
      ...(await index.codes(all)),
      ids: Uint32Array.from(await index.items(all), ({ id }) => id as number),
    }),
  );
  const rows = [];
  for (const [k, nprobe] of [
    [10, 8],
    [10, 32],
    [100, 32],
  ] as const) {
    const times: [number[], number[]] = [[], []];
    for (let rep = 0; rep < reps; rep++) {
      for (const [which, one] of [fresh, index].entries()) {
        const start = performance.now();
        await one.search(queries.subarray((rep % NUM_QUERIES) * 64, (rep % NUM_QUERIES) * 64 + 64), { k, nprobe });
        times[which]!.push(performance.now() - start);
      }
    }
    const [anew, beside] = times.map((all) => median(all.slice(reps / 5))) as [number, number];
    rows.push({ share, k, nprobe, anewMicros: anew * 1000, deltaMicros: beside * 1000, ratio: beside / anew });
  }
  const bytes = artifact.chunks.reduce((sum, chunk) => sum + chunk.bytes.length, artifact.manifestBytes.length);
  return { rows, writing: { share, changes: 3 * third, encodeMs, writeMs, openMs, chunksFetched, bytes } };
}

const results = [];
for (const share of [0.0003, 0.01, 0.1]) results.push(await measure(share));
if (flags.json) {
  const facts = { n, node: process.version, rows: results.flatMap(({ rows }) => rows) };
  process.stdout.write(`${JSON.stringify({ ...facts, writing: results.map(({ writing }) => writing) })}\n`);
} else {
  console.table(results.flatMap(({ rows }) => rows));
  console.table(results.map(({ writing }) => writing));
}
