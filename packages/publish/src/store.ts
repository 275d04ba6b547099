/**
 * What publishing asks of a place that keeps an index: the seam between `publish`, `rollback` and `prune` above, and
 * the stores below (`stores/`). `test/store-conformance.ts` holds every store to it.
 */
import { UserError } from "@poeem/offline/errors";

/** Small facts stored beside a value and returned with its key by `list`. At most `MAX_METADATA_BYTES` as JSON. */
export type Metadata = Readonly<Record<string, string | number>>;

export interface StoredKey {
  readonly key: string;
  readonly metadata: Metadata | undefined;
}

export interface StoredValue {
  /** At most `MAX_KEY_BYTES` of UTF-8; any character. */
  readonly key: string;
  /** At most `MAX_VALUE_BYTES`, possibly none. The store keeps no reference to them. */
  readonly bytes: Uint8Array;
  /** Replaces the metadata of an earlier value, also when absent. */
  readonly metadata?: Metadata | undefined;
  /** Seconds, at least 60, after which the store forgets the value by itself. */
  readonly expiresIn?: number | undefined;
}

/**
 * A flat map from keys to bytes. Only a single value is atomic, and other readers may see a write up to `propagationMs`
 * later. Workers KV remembers for a while that a key was absent, so publishing calls `get` only for keys that a list or
 * a manifest has named.
 *
 * Errors: a `UserError` says what the person at the command line can mend (a limit, a token, a service that is down for
 * now); stores retry by themselves what passes. Anything else is a defect.
 */
export interface Store {
  /** How messages call it: "the KV of wrangler dev", "namespace 0f2a…". */
  readonly name: string;
  /** Milliseconds after which everyone sees a write: 0 on this machine, a minute at Cloudflare. */
  readonly propagationMs: number;
  /** Reads worth having under way at once. */
  readonly maxReads: number;
  /** All keys that begin with `prefix`, however many, in the order of their UTF-8 bytes ({@link compareKeys}). */
  list(prefix: string): Promise<StoredKey[]>;
  /** A value's bytes as a plain `Uint8Array` of the caller's own; null when there is none. */
  get(key: string): Promise<Uint8Array | null>;
  /**
   * Writes values, any number of them; the store splits them into requests. When it rejects, some may be written.
   * @throws UserError before anything is written when a value exceeds a limit ({@link checkValues})
   */
  put(values: readonly StoredValue[]): Promise<void>;
  /** Deletes keys, any number of them; absent ones are no error. */
  delete(keys: readonly string[]): Promise<void>;
}

// The limits of Workers KV, which the Worker reads from: https://developers.cloudflare.com/kv/platform/limits/
export const MAX_KEY_BYTES = 512;
export const MAX_VALUE_BYTES = 25 * 1024 * 1024;
export const MAX_METADATA_BYTES = 1024;

/** Every store calls this first in `put`. @throws UserError naming the value that exceeds a limit */
export function checkValues(values: readonly StoredValue[]): void {
  for (const { key, bytes, metadata } of values) {
    const shown = key.length > 60 ? `${key.slice(0, 60)}…` : key;
    const check = (what: string, size: number, limit: number): void => {
      if (size > limit) throw new UserError(`${shown}: expected ${what} of at most ${limit} bytes, got ${size}`);
    };
    check("a key", Buffer.byteLength(key), MAX_KEY_BYTES);
    check("a value", bytes.length, MAX_VALUE_BYTES);
    if (metadata) check("metadata", Buffer.byteLength(JSON.stringify(metadata)), MAX_METADATA_BYTES);
  }
}

/** The order of `list`: that of UTF-8 bytes, which differs from that of JavaScript's strings beyond U+FFFF. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
