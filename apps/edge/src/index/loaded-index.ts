/** What is read and served, as the code that decides when and where knows it. */
import type { ReadMeter } from "@poeem/pq-core";
import type { IndexPointer } from "@poeem/pq-core/kv";
import type { Misses } from "./misses.ts";

/** An opened version with everything a query needs. Immutable: an answer uses one of them from first to last. */
export interface LoadedIndex {
  readonly version: string;
  readonly publishedAt: string;
  /**
   * Reads ahead what queries will ask for, as far as memory allows; what it has already is not read again. A version
   * is taken over only when all of this is there; a cold start answers first and reads ahead afterwards.
   */
  readonly prefetch: (meter?: ReadMeter) => Promise<void>;
  /** Reads chunks of these keys once more, those that it has; rejects when one does not come intact. */
  readonly check?: ((keys: ReadonlySet<string>, meter?: ReadMeter) => Promise<void>) | undefined;
  /**
   * Uses so many bytes from now on, and never less than it needs: pages go, or are read ahead at the next `prefetch`.
   * Returns the bytes that it uses. Left out: it cannot.
   */
  readonly resize?: ((bytes: number) => number) | undefined;
  /** Frees at once what no other version has, unless a request uses it: false. Nothing asks for it any more. */
  readonly free?: (() => boolean) | undefined;
  /** Bytes that `free` cannot free: the garbage collector has to. */
  readonly residue?: number | undefined;
  /** Bytes that its manifest does not tell, so that it was not granted them: known once it is open. */
  readonly unplanned?: number | undefined;
  /** Bytes that it would take with all lists in memory, when it had to be opened without. */
  readonly bytesWithLists?: number | undefined;
}

/** What opening a version needs besides the pointer. */
export interface Load extends IndexPointer {
  /** Counts what is read to open it, and is how the attempt shows that it is getting on. */
  readonly meter?: ReadMeter | undefined;
  /** Has to know what is read of the version once it serves. */
  readonly misses?: Misses | undefined;
}

/** Is told what a request read to have an index at all. */
export interface LoadMeter {
  loaded(reads: number, bytes: number, cached: number): void;
}
