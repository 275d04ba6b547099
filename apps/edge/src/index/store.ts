/** Where indexes are read from. Two verbs, so that a store of one's own is small and a test can make it fail or lie. */
export interface Store {
  /** What errors call it, as in "KV has no key …"; left out: "the store". */
  readonly name?: string;
  /** The value of a key that changes, as text; null when there is none. May be as old as KV's shortest cache. */
  getText(key: string): Promise<string | null>;
  /** The value of a key that never changes, as bytes; null when there is none. */
  getBytes(key: string): Promise<Uint8Array | null>;
}

/** What errors call a store. */
export function nameOf({ name }: Store): string {
  return name ?? "the store";
}
