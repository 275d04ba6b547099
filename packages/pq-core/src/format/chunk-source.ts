/** Counts what is read for one caller, and may stop it. */
export interface ReadMeter {
  /** Before each operation of a store, retries included. What it throws ends the reading, and comes out unchanged. */
  spend(): void;
  /** After it. */
  got(bytes: number): void;
  /**
   * Codes that are gone through once more, because so many items score alike: before, nobody can know. What it throws
   * ends the search.
   */
  rescan?(codes: number): void;
}

/** For whom a chunk is read, and why. */
export interface ReadOptions {
  /** The source tells it of each operation of its store. */
  readonly meter?: ReadMeter | undefined;
  /** What came for this key before was damaged: it is to come from where it is kept, not from a copy on the way. */
  readonly again?: boolean | undefined;
}

/** Where chunks come from: files, KV, memory. `get` rejects when the key is absent. */
export interface ChunkSource {
  get(key: string, options?: ReadOptions): Promise<Uint8Array>;
  /**
   * Says that bytes which `get` gave, or a view of them, are neither kept nor read any more. For a source that would
   * rather free a page itself than wait for the garbage collector.
   */
  release?(bytes: Uint8Array): void;
  /** Whether the source has compared bytes that `get` gave with their hash, which need not be done once more. */
  isChecked?(bytes: Uint8Array): boolean;
}
