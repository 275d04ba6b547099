import { encodeKernel } from "@poeem/offline/index-folder/kernel";
import type { Tick } from "@poeem/offline/progress";
import type { Codebook, EncodedVectors } from "@poeem/pq-core";
import { encodeFast, type QueryMoments } from "@poeem/pq-core/write";

/** Items between two ticks. */
const SLICE = 65_536;

/** Codes of item vectors (count, dim), by pq-core's kernel; where its file is missing, by the slow definition. */
export async function encodeItems(
  codebook: Codebook,
  itemVectors: Float32Array,
  moments?: QueryMoments,
  tick?: Tick,
): Promise<EncodedVectors> {
  const module = await encodeKernel();
  const { dim, numSubQuantizers: M } = codebook;
  const count = itemVectors.length / dim;
  const assignments = new Uint32Array(count);
  const codes = new Uint8Array(count * M);
  for (let start = 0; start < count; start += SLICE) {
    const slice = itemVectors.subarray(start * dim, (start + SLICE) * dim);
    const encoded = encodeFast(module, codebook, slice, moments);
    assignments.set(encoded.assignments, start);
    codes.set(encoded.codes, start * M);
    await tick?.(Math.min(start + SLICE, count));
  }
  return { assignments, codes };
}
