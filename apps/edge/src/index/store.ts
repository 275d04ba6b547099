import type { ReadMeter, ReadOptions } from "@poeem/pq-core";
import { ReadError } from "./failures.ts";

/** Counts what is read, and what needed no operation of the store. */
export interface StoreMeter extends ReadMeter {
  /** The value came from a cache on the way: of what was spent for this read, nothing was an operation of the store. */
  hit?(): void;
}

/** For whom a value is read, and who hears what went wrong. */
export interface StoreReadOptions extends ReadOptions {
  readonly meter?: StoreMeter | undefined;
  /** A store that tries again by itself tells it of each try that failed before: nobody else would know. */
  readonly failed?: ((error: unknown) => void) | undefined;
}

/** Where indexes are read from. Two verbs, so that a store of one's own is small and a test can make it fail or lie. */
export interface Store {
  /** What errors call it, as in "KV has no key …"; left out: "the store". */
  readonly name?: string;
  /** The value of a key that changes, as text; null when there is none. May be as old as KV's shortest cache. */
  getText(key: string, options?: StoreReadOptions): Promise<string | null>;
  /**
   * The value of a key that never changes, as bytes; null when there is none. A store that makes several operations of
   * it tells `options.meter` of each; for others one is counted. With `options.again` a copy that came before was bad.
   * Whoever asked takes the bytes over, and may free their buffer: each read needs one of its own.
   */
  getBytes(key: string, options?: StoreReadOptions): Promise<Uint8Array | null>;
}

/** What errors call a store. */
export function nameOf({ name }: Store): string {
  return name ?? "the store";
}

/** No chunk has this key, or not here and now. */
export function missing(store: Store, key: string): ReadError {
  return new ReadError("missing", `${nameOf(store)} has no key "${key}"`);
}

/** @throws ReadError naming the key when there is none */
export async function bytesOf(store: Store, key: string, options?: ReadOptions): Promise<Uint8Array> {
  const bytes = await store.getBytes(key, options);
  if (bytes === null) throw missing(store, key);
  return bytes;
}
