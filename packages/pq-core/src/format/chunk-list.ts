import { type ArtifactChunk, type ChunkEntry, sealChunk } from "./chunk.ts";
import { type ChunkKind, HEADER_BYTES, MAX_CHUNK_BYTES } from "./constants.ts";

const MAX_PART = MAX_CHUNK_BYTES - HEADER_BYTES;

/** Where chunks go as soon as they are sealed. */
export type ChunkSink = (chunk: ArtifactChunk) => Promise<void> | void;

/** Seals chunks and numbers those of each kind; keeps the manifest's entries in the order sealed. */
export class ChunkList {
  /** Those that went nowhere else. */
  readonly chunks: ArtifactChunk[] = [];
  readonly entries: ChunkEntry[] = [];
  readonly #seqs = new Map<ChunkKind, number>();
  readonly #mark: Pick<ChunkEntry, "delta">;
  readonly #sink: ChunkSink;

  /**
   * @param mark is added to every entry
   * @param sink left out: chunks stay in memory
   */
  constructor(mark: Pick<ChunkEntry, "delta"> = {}, sink: ChunkSink = (chunk) => void this.chunks.push(chunk)) {
    this.#mark = mark;
    this.#sink = sink;
  }

  /** @param facts further members of the entry */
  async add(
    kind: ChunkKind,
    payload: Uint8Array,
    first = 0,
    count = 0,
    facts: Partial<ChunkEntry> = {},
  ): Promise<void> {
    const entry = await this.seal(kind, payload, first, count);
    this.entries.push({ ...entry, ...facts, ...this.#mark });
  }

  /** Adds a chunk that is listed elsewhere. */
  async seal(kind: ChunkKind, payload: Uint8Array, first: number, count: number): Promise<ChunkEntry> {
    const seq = this.#seqs.get(kind) ?? 0;
    this.#seqs.set(kind, seq + 1);
    const { chunk, entry } = await sealChunk(kind, seq, first, count, payload);
    await this.#sink(chunk);
    return entry;
  }

  /** A payload of any size as one or more chunks, to be read as one. */
  async addParts(kind: ChunkKind, payload: Uint8Array): Promise<void> {
    for (let at = 0; at === 0 || at < payload.length; at += MAX_PART)
      await this.add(kind, payload.subarray(at, at + MAX_PART));
  }
}
