// What is meant for Workers, inside one: makes an index, searches it by the kernel, and says what came of it.
import { createWorker } from "@poeem/edge";
import * as app from "@poeem/edge/app";
import * as client from "@poeem/edge/client";
import { loadKernel, openArtifact } from "@poeem/pq-core";
import * as interop from "@poeem/pq-core/interop";
import kernelModule from "@poeem/pq-core/kernel-relaxed.wasm";
import * as kv from "@poeem/pq-core/kv";
import * as words from "@poeem/pq-core/words";
import { createCodebook, encode, writeArtifact } from "@poeem/pq-core/write";
import * as towers from "@poeem/towers";

const COUNT = 64;
const DIM = 8;

async function search() {
  const vectors = Float32Array.from({ length: COUNT * DIM }, (_, i) => Math.sin(i * i + 1));
  const shape = { dim: DIM, metric: "innerProduct", nlist: 0, numSubQuantizers: 4, nbits: 4, byResidual: false };
  const centroids = Float32Array.from({ length: 4 * 16 * 2 }, (_, i) => Math.cos(i * i));
  const codebook = createCodebook({ ...shape, centroids });
  const ids = Array.from({ length: COUNT }, (_, i) => `item-${i}`);
  const { manifestBytes, chunks } = await writeArtifact({ codebook, ...encode(codebook, vectors), ids });
  const stored = new Map(chunks.map(({ key, bytes }) => [key, bytes]));
  const source = { get: async (key) => stored.get(key) };
  const found = [];
  for (const kernel of [loadKernel(kernelModule), undefined]) {
    const index = await openArtifact(source, manifestBytes, kernel && { kernel });
    const { ordinals } = await index.search(vectors.subarray(0, DIM), { k: 3 });
    found.push({ kernel: index.kernel, ids: (await index.items(ordinals)).map(({ id }) => id) });
  }
  return found;
}

const worker = createWorker({});

export default {
  async fetch(request, env, context) {
    if (new URL(request.url).pathname !== "/") return worker.fetch(request, env, context);
    const entries = { app, client, interop, kv, words, towers };
    const sizes = Object.entries(entries).map(([name, module]) => [name, Object.keys(module).length]);
    return Response.json({ entries: Object.fromEntries(sizes), found: await search() });
  },
};
