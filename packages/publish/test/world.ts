import type { Clock } from "../src/clock.ts";
import { checkValues, compareKeys, type Metadata, type Store, type StoredKey, type StoredValue } from "../src/store.ts";

interface Write {
  readonly bytes: Uint8Array | null;
  readonly metadata: Metadata | undefined;
  readonly expiresAt: number;
  /** When each viewer sees it. */
  readonly seenAt: ReadonlyMap<string, number>;
}

/**
 * A KV in which several publishers work at once, one operation at a time in an order that the seed decides. A write is
 * seen by its writer at once and by any other after a time of its own, up to `propagationMs`. Time is made up. Everyone
 * who works in it has one operation under way, or sleeps, or has been killed.
 */
export class World {
  now = Date.UTC(2026, 10, 22);
  readonly #propagationMs: number;
  readonly #history = new Map<string, Write[]>();
  readonly #waiting: { readonly resume: () => void }[] = [];
  readonly #sleeping: { readonly until: number; readonly wake: () => void }[] = [];
  readonly #viewers: string[] = [];
  /** How many are neither done nor killed. */
  #alive = 0;
  #state: number;
  /** Called after each write or delete. */
  onChange: (key: string) => void = () => undefined;

  constructor(seed: number, propagationMs: number) {
    this.#state = seed;
    this.#propagationMs = propagationMs;
  }

  /** In [0, 1). */
  readonly random = (): number => {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return this.#state / 2 ** 32;
  };

  readonly clock: Clock = {
    now: () => this.now,
    sleep: (ms) => new Promise((wake) => this.#sleeping.push({ until: this.now + ms, wake })),
  };

  /** What is true now: the last write of a key. */
  truth(key: string): Uint8Array | null {
    const last = this.#history.get(key)?.at(-1);
    return last && last.expiresAt > this.now ? last.bytes : null;
  }

  /** Lets all of them work until each is done or killed. */
  async run(workers: readonly ((store: Store) => Promise<void>)[], killShare: number): Promise<void> {
    this.#viewers.push(...workers.map((_, i) => `worker ${i}`));
    const failures: unknown[] = [];
    this.#alive = workers.length;
    for (const [i, work] of workers.entries()) {
      work(this.#view(`worker ${i}`))
        .catch((error: unknown) => failures.push(error))
        .finally(() => this.#alive--);
    }
    while (this.#alive > 0) {
      // hashing goes through a thread pool: wait until all have something to ask for
      while (this.#waiting.length + this.#sleeping.length < this.#alive)
        await new Promise((wake) => setImmediate(wake));
      if (this.#alive === 0) break;
      this.#sleeping.sort((a, b) => a.until - b.until);
      const first = this.#sleeping[0];
      if (first && (first.until <= this.now || this.#waiting.length === 0)) {
        this.now = Math.max(this.now, first.until);
        this.#sleeping.shift()!.wake();
      } else {
        const [next] = this.#waiting.splice(Math.floor(this.random() * this.#waiting.length), 1);
        this.now += Math.floor(this.random() * (this.random() < 0.02 ? 600_000 : 3000));
        if (this.random() < killShare) this.#alive--;
        else next!.resume();
      }
      await new Promise((wake) => setImmediate(wake));
    }
    if (failures.length > 0) throw failures[0];
  }

  #view(viewer: string): Store {
    const turn = (): Promise<void> => new Promise((resume) => this.#waiting.push({ resume }));
    const seen = (key: string): Write | undefined =>
      this.#history.get(key)?.findLast(({ seenAt }) => (seenAt.get(viewer) ?? 0) <= this.now);
    const write = (key: string, bytes: Uint8Array | null, metadata: Metadata | undefined, expiresAt: number): void => {
      const delay = (other: string): number => (other === viewer ? 0 : this.random() * this.#propagationMs);
      const seenAt = new Map(this.#viewers.map((other) => [other, this.now + delay(other)]));
      this.#history.set(key, [...(this.#history.get(key) ?? []), { bytes, metadata, expiresAt, seenAt }]);
      this.onChange(key);
    };
    return {
      name: viewer,
      propagationMs: this.#propagationMs,
      maxReads: 1,
      list: async (prefix) => {
        await turn();
        const found: StoredKey[] = [];
        for (const key of [...this.#history.keys()].filter((name) => name.startsWith(prefix)).sort(compareKeys)) {
          const entry = seen(key);
          if (entry?.bytes && entry.expiresAt > this.now) found.push({ key, metadata: entry.metadata });
        }
        return found;
      },
      get: async (key) => {
        await turn();
        if (!this.#history.has(key)) throw new Error(`${viewer} read ${key} before it existed`);
        const entry = seen(key);
        return entry && entry.expiresAt > this.now && entry.bytes ? entry.bytes.slice() : null;
      },
      put: async (values: readonly StoredValue[]) => {
        checkValues(values);
        for (const { key, bytes, metadata, expiresIn } of values) {
          await turn();
          write(key, bytes.slice(), metadata, this.now + 1000 * (expiresIn ?? Number.POSITIVE_INFINITY));
        }
      },
      delete: async (keys) => {
        for (const key of keys) {
          await turn();
          write(key, null, undefined, Number.POSITIVE_INFINITY);
        }
      },
    };
  }
}
