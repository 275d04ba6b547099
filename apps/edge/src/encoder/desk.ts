/** One encoder as requests use it: each text once, from the cache or in one call, and a pause when it keeps failing. */
import { askEncoder, PASSING, TIMEOUT_MS } from "./ask.ts";
import { type Encoder, EncoderError } from "./encoder.ts";
import { keyOf, type VectorCache } from "./vector-cache.ts";

/** A cache that takes longer is no help. */
const CACHE_MS = 200;
/** After so many failures one after the other it is left alone for a while: to wait for it helps nobody. */
const MAX_FAILURES = 3;
const PAUSE_MS = 5_000;

export interface DeskOptions {
  readonly cache: VectorCache;
  /** Milliseconds. */
  readonly now: () => number;
}

/** What became of texts. */
export interface Embedded {
  /** Of the texts that have one. */
  readonly vectors: ReadonlyMap<string, Float32Array>;
  /** Why others have none. */
  readonly failure?: EncoderError | undefined;
}

/** See above. */
export class EncoderDesk {
  readonly encoder: Encoder;
  readonly #options: DeskOptions;
  #failures = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;

  constructor(encoder: Encoder, options: DeskOptions) {
    this.encoder = encoder;
    this.#options = options;
  }

  /**
   * Vectors of texts; never rejects.
   * @param texts may repeat
   * @param origin of the request
   * @param later takes what goes on after the answer is out
   */
  async embed(texts: readonly string[], origin: string, later: (promise: Promise<unknown>) => void): Promise<Embedded> {
    const { name, length, settings = "", timeoutMs = TIMEOUT_MS } = this.encoder;
    const { cache, now } = this.#options;
    const startedAt = now();
    const vectors = new Map<string, Float32Array>();
    const keys = new Map<string, string>();
    for (const text of new Set(texts)) keys.set(text, await keyOf([name, length, settings, text]));
    const look = async ([text, key]: readonly [string, string]) => {
      const vector = vectorOf(await cache.get(key, origin).catch(() => undefined), length);
      if (vector !== undefined) vectors.set(text, vector);
    };
    await within(Promise.all(Array.from(keys, look)), Math.min(CACHE_MS, timeoutMs));
    const missing = [...keys.keys()].filter((text) => !vectors.has(text));
    if (missing.length === 0) return { vectors };
    if (startedAt < this.#pausedUntil)
      return { vectors, failure: new EncoderError("paused", name, "is not asked for a moment: it has failed") };
    try {
      const made = await askEncoder(this.encoder, missing, Math.max(1, timeoutMs - (now() - startedAt)));
      this.#failures = 0;
      for (const [i, text] of missing.entries()) {
        vectors.set(text, made[i]!);
        const bytes = new Uint8Array(made[i]!.slice().buffer);
        later(cache.put(keys.get(text)!, bytes, origin).catch(() => undefined));
      }
      return { vectors };
    } catch (error) {
      const failure = error as EncoderError;
      this.#failed(failure);
      return { vectors, failure };
    }
  }

  /** What is about the texts, a no or a wrong answer, pauses nothing: somebody might send such texts on purpose. */
  #failed({ kind }: EncoderError): void {
    if (kind !== "late" && !PASSING.includes(kind)) return;
    this.#failures++;
    if (this.#failures >= MAX_FAILURES) this.#pausedUntil = this.#options.now() + PAUSE_MS;
  }
}

/** A vector as it was kept; undefined for anything else. */
function vectorOf(bytes: Uint8Array | undefined, length: number): Float32Array | undefined {
  if (bytes?.length !== length * 4) return undefined;
  const vector = new Float32Array(bytes.slice().buffer);
  return vector.every(Number.isFinite) && vector.some((value) => value !== 0) ? vector : undefined;
}

/** Waits for what it is, so long at most. */
async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  try {
    await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
  }
}
