/** Where the index is read from. Two verbs, so that a test can make it fail, hang or lie. */
export interface Store {
  /** The value of a key that changes, as text; null when there is none. May be as old as KV's shortest cache. */
  getText(key: string): Promise<string | null>;
  /** The value of a key that never changes, as bytes; null when there is none. */
  getBytes(key: string): Promise<Uint8Array | null>;
}
