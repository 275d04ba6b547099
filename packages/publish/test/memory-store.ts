import type { Clock } from "../src/clock.ts";
import { checkValues, compareKeys, type Store, type StoredKey, type StoredValue } from "../src/store.ts";

interface Entry {
  readonly bytes: Uint8Array;
  readonly metadata: StoredKey["metadata"];
  readonly expiresAt: number;
}

/** A store in memory that remembers the order of writes and can fail; time passes only when someone sleeps. */
export class MemoryStore implements Store {
  readonly name = "memory";
  readonly maxReads = 3;
  readonly propagationMs: number;
  readonly values = new Map<string, Entry>();
  readonly writes: string[] = [];
  readonly reads: string[] = [];
  readonly known = new Set<string>();
  now = Date.UTC(2026, 10, 22);
  fail: (key: string) => "refuse" | "damage" | "lose" | undefined = () => undefined;
  /** Called before every operation, with its name: to make something happen in between. */
  before: (operation: string) => Promise<void> = async () => undefined;

  constructor(propagationMs = 0) {
    this.propagationMs = propagationMs;
  }

  readonly clock: Clock = {
    now: () => this.now,
    sleep: async (ms) => {
      this.now += ms;
    },
  };

  async list(prefix: string): Promise<StoredKey[]> {
    await this.before(`list ${prefix}`);
    return [...this.values]
      .filter(([key, { expiresAt }]) => key.startsWith(prefix) && expiresAt > this.now)
      .map(([key, { metadata }]) => ({ key, metadata }))
      .sort((a, b) => compareKeys(a.key, b.key));
  }

  async get(key: string): Promise<Uint8Array | null> {
    await this.before(`get ${key}`);
    if (!this.known.has(key)) throw new Error(`read of ${key} before it existed: KV would remember its absence`);
    this.reads.push(key);
    const entry = this.values.get(key);
    return entry && entry.expiresAt > this.now ? entry.bytes.slice() : null;
  }

  async put(values: readonly StoredValue[]): Promise<void> {
    checkValues(values);
    for (const { key, bytes, metadata, expiresIn } of values) {
      await this.before(`put ${key}`);
      const failure = this.fail(key);
      if (failure === "refuse") throw new Error("disk full");
      this.writes.push(key);
      this.known.add(key);
      if (failure === "lose") continue;
      const stored = bytes.slice();
      if (failure === "damage") stored[bytes.length >> 1]! ^= 4;
      const expiresAt = this.now + 1000 * (expiresIn ?? Number.POSITIVE_INFINITY);
      this.values.set(key, { bytes: stored, metadata, expiresAt });
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      await this.before(`delete ${key}`);
      this.values.delete(key);
    }
  }

  text(key: string): string | undefined {
    const entry = this.values.get(key);
    return entry && new TextDecoder().decode(entry.bytes);
  }

  /** Keys and bytes of everything but claims, to compare before with after. */
  snapshot(): Record<string, string> {
    const kept = [...this.values].filter(([key]) => !key.startsWith("claim/"));
    return Object.fromEntries(kept.map(([key, { bytes }]) => [key, Buffer.from(bytes).toString("base64")]));
  }
}
