import { check, checkEach } from "../errors.ts";
import { hasTerms, type TermRange } from "../kernel/blocks.ts";
import { checkOffsets, SectionReader, SectionWriter } from "./bytes.ts";
import { readRange, sectionBytes } from "./codebook-chunk.ts";
import type { DeltaCounts, Manifest } from "./manifest.ts";

/** Payload of the chunks of kind `delta`: what turns a base and the items beside it into one catalogue. */
export interface DeltaPayload {
  /** (cells + 1) list offsets of the items beside the base. */
  readonly offsets: Uint32Array;
  /** Of their terms; {0, 0} for inner product. */
  readonly range: TermRange;
  /** (delta.numItems) items of the base before each of them in list order. */
  readonly positions: Uint32Array;
  /** (removed) ordinals of the base, ascending. */
  readonly removed: Uint32Array;
}

type Shape = Pick<Manifest, "metric" | "nlist">;

/** The payload of the chunk; its layout is in docs/format.md. */
export function writeDeltaPayload(shape: Shape, { offsets, range, positions, removed }: DeltaPayload): Uint8Array {
  const writer = new SectionWriter();
  writer.add(offsets);
  if (hasTerms(shape)) writer.add(Float32Array.of(range.min, range.max));
  writer.add(positions);
  writer.add(removed);
  return writer.bytes();
}

/** Bytes of the payload that a manifest's numbers ask for. */
export function deltaBytes(manifest: Manifest): number {
  const { numItems, removed } = manifest.delta!;
  return sectionBytes([Math.max(manifest.nlist, 1) + 1, hasTerms(manifest) ? 2 : 0, numItems, removed]);
}

/** @param base list offsets of the base */
export function readDeltaPayload(
  shape: Shape,
  counts: DeltaCounts,
  payload: Uint8Array,
  base: Uint32Array,
): DeltaPayload {
  const where = "delta";
  const reader = new SectionReader(where, payload);
  const offsets = reader.u32("list offsets", Math.max(shape.nlist, 1) + 1);
  const range = readRange(reader, shape, where);
  const positions = reader.u32("positions", counts.numItems);
  const removed = reader.u32("removed", counts.removed);
  reader.end();
  checkOffsets(where, "list offsets", offsets, counts.numItems);
  for (let cell = 0; cell + 1 < offsets.length; cell++) {
    let least = base[cell]!;
    for (let j = offsets[cell]!; j < offsets[cell + 1]!; j++) {
      const position = positions[j]!;
      if (position < least || position > base[cell + 1]!)
        check(false, `positions[${j}]`, `from ${least} to ${base[cell + 1]}`, position, where);
      least = position;
    }
  }
  const isNext = (ordinal: number, i: number): boolean =>
    ordinal < counts.baseItems && (i === 0 || ordinal > removed[i - 1]!);
  checkEach("removed", removed, `ascending and below ${counts.baseItems}`, isNext, where);
  return { offsets, range, positions, removed };
}
