import { checkRotationQuickly } from "../codebook/check-rotation.ts";
import { type Codebook, joinCodebook } from "../codebook/codebook.ts";
import { check, FormatError } from "../errors.ts";
import { hasTerms, type TermRange } from "../kernel/blocks.ts";
import { checkOffsets, SectionReader, SectionWriter } from "./bytes.ts";
import { align } from "./constants.ts";
import type { Manifest } from "./manifest.ts";

/** Payload of the codebook chunks: rotation, coarse centroids, centroids, list offsets, term range. */
export interface CodebookPayload {
  readonly codebook: Codebook;
  readonly offsets: Uint32Array;
  readonly range: TermRange;
}

/** Bytes of the payload that a manifest's numbers ask for: what a reader may allocate for it. */
export function codebookBytes(manifest: Pick<Manifest, "dim" | "nlist" | "nbits" | "hasRotation" | "metric">): number {
  const { dim, nlist, nbits, hasRotation } = manifest;
  return sectionBytes([
    hasRotation ? dim * dim : 0,
    nlist * dim,
    2 ** nbits * dim,
    Math.max(nlist, 1) + 1,
    hasTerms(manifest) ? 2 : 0,
  ]);
}

/** Bytes of sections of so many 4-byte values. */
export function sectionBytes(lengths: readonly number[]): number {
  return lengths.reduce((bytes, length) => (length > 0 ? align(bytes) + length * 4 : bytes), 0);
}

/** The payload of the chunk; its layout is in docs/format.md. */
export function writeCodebook({ codebook, offsets, range }: CodebookPayload): Uint8Array {
  const writer = new SectionWriter();
  if (codebook.rotation !== undefined) writer.add(codebook.rotation);
  writer.add(codebook.coarseCentroids);
  writer.add(codebook.centroids);
  writer.add(offsets);
  if (hasTerms(codebook)) writer.add(Float32Array.of(range.min, range.max));
  return writer.bytes();
}

/** Reads what `writeCodebook` wrote. @throws FormatError */
export function readCodebook(manifest: Manifest, payload: Uint8Array): CodebookPayload {
  const where = "codebook";
  const { dim, nlist, numSubQuantizers, nbits, byResidual, metric, numItems, cellSpread } = manifest;
  const reader = new SectionReader(where, payload);
  const rotation = manifest.hasRotation ? reader.f32("rotation", dim * dim) : undefined;
  const coarseCentroids = reader.f32("coarse centroids", nlist * dim);
  const centroids = reader.f32("centroids", 2 ** nbits * dim);
  const offsets = reader.u32("list offsets", Math.max(nlist, 1) + 1);
  const range = readRange(reader, manifest, where);
  reader.end();
  checkOffsets(where, "list offsets", offsets, numItems);
  const shape = { dim, metric, nlist, numSubQuantizers, nbits, byResidual, cellSpread };
  const input = { ...shape, rotation, coarseCentroids, centroids };
  try {
    return { codebook: joinCodebook(input, checkRotationQuickly), offsets, range };
  } catch (cause) {
    // The parts do not fit each other: the file is at fault, not the caller.
    throw new FormatError(where, cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** The smallest and the largest term, where the metric has terms. */
export function readRange(reader: SectionReader, shape: Pick<Manifest, "metric">, where: string): TermRange {
  if (!hasTerms(shape)) return { min: 0, max: 0 };
  const [min, max] = reader.f32("term range", 2) as unknown as [number, number];
  check(min >= 0 && max >= min && max < Infinity, "term range", "0 ≤ min ≤ max", `${min} and ${max}`, where);
  return { min, max };
}
