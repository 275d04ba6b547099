/** The Worker of bench:adc: makes an index in memory and searches it as often as it is told. Timed from outside. */
import { type Index, loadKernel, openArtifact, scalarKernel } from "@poeem/pq-core";
import plain from "@poeem/pq-core/kernel.wasm";
import relaxed from "@poeem/pq-core/kernel-relaxed.wasm";
import { writeArtifact } from "@poeem/pq-core/write";
import { type AdcShape, adcData, NUM_QUERIES } from "./adc-shapes.ts";

let index: Index | undefined;
let queries: Float32Array[] = [];

async function open(shape: AdcShape, kernel: string): Promise<string> {
  // What the last shape took must be free before the next comes: an isolate holds 128 MB.
  index = undefined;
  const data = adcData(shape);
  const ids = Uint32Array.from({ length: shape.n }, (_, i) => i);
  const { codebook, assignments, codes } = data;
  const artifact = await writeArtifact({ codebook, assignments, codes, ids });
  const chunks = new Map(artifact.chunks.map(({ key, bytes }) => [key, bytes]));
  const factory = kernel === "scalar" ? scalarKernel : loadKernel(kernel === "simd" ? plain : relaxed);
  index = await openArtifact({ get: async (key) => chunks.get(key)! }, artifact.manifestBytes, {
    kernel: factory,
  });
  queries = Array.from({ length: NUM_QUERIES }, (_, i) => data.queries.slice(i * shape.dim, (i + 1) * shape.dim));
  return index.kernel;
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { shape, kernel, k, nprobe, reps } = (await request.json()) as {
      shape?: AdcShape;
      kernel: string;
      k: number;
      nprobe: number;
      reps: number;
    };
    if (shape !== undefined) return new Response(await open(shape, kernel));
    let scores = 0;
    for (let rep = 0; rep < reps; rep++)
      scores += (await index!.search(queries[rep % queries.length]!, { k, nprobe })).scores[0]!;
    return new Response(String(scores));
  },
};
