/**
 * The index that this isolate serves: read once when it is first wanted, then polled in the background.
 *
 * Requests share plain data here, never a promise: in a Worker, a promise that waits for the I/O of one request must
 * not be awaited by another, which may outlive it. So the first cold request reads the index and the others look every
 * few milliseconds, on timers of their own, whether it is there.
 */
import { messageOf } from "@poeem/pq-core";
import { DEFAULT_INDEX_NAME, type IndexPointer, parsePointer, pointerKey } from "@poeem/pq-core/kv";
import { IndexUnavailableError, OverloadedError, UnknownIndexError } from "./errors.ts";
import { nameOf, type Store } from "./store.ts";

/** An opened version with everything a query needs. Immutable: an answer uses one of them from first to last. */
export interface LoadedIndex {
  readonly version: string;
  readonly publishedAt: string;
  /**
   * Reads ahead what queries will ask for, as far as memory allows; what it has already is not read again. A version
   * is taken over only when all of this is there; a cold start answers first and reads ahead afterwards.
   */
  readonly prefetch: () => Promise<void>;
  /**
   * Uses so many bytes from now on, and never less than it needs: pages go, or are read ahead at the next `prefetch`.
   * Returns the bytes that it uses. Left out: it cannot.
   */
  readonly resize?: ((bytes: number) => number) | undefined;
  /** Frees at once what no other version has, unless a request uses it: false. Nothing asks for it any more. */
  readonly free?: (() => boolean) | undefined;
  /** Bytes that it would take with all lists in memory, when it had to be opened without. */
  readonly bytesWithLists?: number | undefined;
}

export interface HolderOptions<T extends LoadedIndex> {
  /** What the index is called; it decides the key of the pointer. */
  readonly name: string;
  readonly store: Store;
  /** Opens the version that a pointer names; rejects when a chunk is missing or not what the manifest says. */
  readonly open: (store: Store, pointer: IndexPointer) => Promise<T>;
  /** Milliseconds since the epoch. In a Worker it moves only with I/O, which is all that is measured here. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** The pointer is read again when it is older than this. */
  readonly refreshMs: number;
  /** A reader that takes longer than this has lost its turn: its request may have been cancelled. */
  readonly leaseMs: number;
  /** Whether a version is to be read anew though it is the newest: it was granted less memory than there is by now. */
  readonly isOutgrown?: (() => boolean) | undefined;
  /** After a failed cold start, the same answer is given for this long without reading again. */
  readonly retryMs: number;
}

/** One try to read the index, as the requests that wait for it see it. */
interface Attempt {
  readonly startedAt: number;
  /** Set when it has failed. Each waiting request throws an error of its own. */
  failure?: { readonly at: number; readonly newError: () => Error };
}

/** How often a waiting request looks. */
const POLL_MS = 5;
/** What the first answer takes, or a little more. */
const READ_AHEAD_AFTER_MS = 100;

/** One index by its name: the version that serves, and the search for a newer one. */
export class IndexHolder<T extends LoadedIndex> {
  readonly #options: HolderOptions<T>;
  #current: T | undefined;
  #attempt: Attempt | undefined;
  #checkedAt = 0;
  #refreshFailure: string | undefined;

  constructor(options: HolderOptions<T>) {
    this.#options = options;
  }

  /** The version being served, if any. */
  get current(): T | undefined {
    return this.#current;
  }

  /** Neither serves an index nor reads one. */
  get isEmpty(): boolean {
    return this.#current === undefined && (this.#attempt === undefined || this.#attempt.failure !== undefined);
  }

  /** Why the last look for a newer version failed; undefined when it did not. */
  get refreshFailure(): string | undefined {
    return this.#refreshFailure;
  }

  /**
   * The index to answer a request with. Warm: at once, and a look at the pointer in `waitUntil` when one is due.
   * @throws IndexUnavailableError when it cannot be read or nothing is published yet
   * @throws UnknownIndexError when no index has its name
   */
  async acquire(waitUntil: (promise: Promise<unknown>) => void): Promise<T> {
    if (this.#current !== undefined) {
      if (this.#isDue()) waitUntil(this.refresh());
      return this.#current;
    }
    const attempt = this.#attempt;
    if (attempt === undefined || this.#isOver(attempt)) {
      const loading = this.#coldStart();
      // The index is for all requests: go on even if the client of this one hangs up.
      waitUntil(loading.then((index) => this.#readAhead(index)).catch(() => undefined));
      return loading;
    }
    return this.#awaitOther(attempt, waitUntil);
  }

  /** Reads ahead once the first answer is on its way: it needs the same connections, and pages of its own. */
  async #readAhead(index: T): Promise<void> {
    await this.#options.sleep(READ_AHEAD_AFTER_MS);
    await index.prefetch();
  }

  /** Switches to another version when the pointer names one. Never rejects: the old version keeps serving. */
  async refresh(): Promise<void> {
    const attempt = this.#begin();
    try {
      const pointer = await this.#readPointer();
      if (pointer.version === this.#current?.version && !this.#options.isOutgrown?.()) {
        // Completes what a cold start could not read.
        await this.#current.prefetch();
      } else {
        const next = await this.#options.open(this.#options.store, pointer);
        await next.prefetch();
        // A reader that lost its turn comes too late with what may be an older version.
        if (this.#attempt !== attempt) return;
        this.#current = next;
      }
      this.#refreshFailure = undefined;
    } catch (error) {
      if (this.#attempt === attempt) this.#refreshFailure = messageOf(error);
    } finally {
      this.#end(attempt);
    }
  }

  async #coldStart(): Promise<T> {
    const attempt = this.#begin();
    try {
      const index = await this.#options.open(this.#options.store, await this.#readPointer());
      this.#current ??= index;
      this.#end(attempt);
      return this.#current;
    } catch (error) {
      const ErrorClass =
        [UnknownIndexError, OverloadedError].find((known) => error instanceof known) ?? IndexUnavailableError;
      const message = error instanceof ErrorClass ? error.message : `The index cannot be read: ${messageOf(error)}`;
      const newError = () => new ErrorClass(message, { cause: error });
      attempt.failure = { at: this.#options.now(), newError };
      throw newError();
    }
  }

  async #awaitOther(attempt: Attempt, waitUntil: (promise: Promise<unknown>) => void): Promise<T> {
    while (this.#current === undefined) {
      if (attempt.failure !== undefined) throw attempt.failure.newError();
      if (this.#attempt !== attempt || this.#isOver(attempt)) return this.acquire(waitUntil);
      await this.#options.sleep(POLL_MS);
    }
    return this.#current;
  }

  async #readPointer(): Promise<IndexPointer> {
    const { name, store } = this.#options;
    const key = pointerKey(name);
    const text = await store.getText(key);
    if (text !== null) return parsePointer(text);
    // Without any index the Worker is not ready; without this one the caller asked for the wrong one.
    throw name === DEFAULT_INDEX_NAME
      ? new IndexUnavailableError(
          `No index has been published: ${nameOf(store)} has no key "${key}". Run: poeem publish`,
        )
      : new UnknownIndexError(`No index is called "${name}": ${nameOf(store)} has no key "${key}"`);
  }

  #isDue(): boolean {
    if (this.#attempt !== undefined && !this.#isOver(this.#attempt)) return false;
    return this.#options.now() - this.#checkedAt >= this.#options.refreshMs;
  }

  /** Whether an attempt no longer keeps others from trying: it failed a while ago, or takes longer than its lease. */
  #isOver({ startedAt, failure }: Attempt): boolean {
    const { now, leaseMs, retryMs } = this.#options;
    return failure === undefined ? now() - startedAt >= leaseMs : now() - failure.at >= retryMs;
  }

  #begin(): Attempt {
    this.#attempt = { startedAt: this.#options.now() };
    return this.#attempt;
  }

  #end(attempt: Attempt): void {
    if (this.#attempt !== attempt) return;
    this.#attempt = undefined;
    this.#checkedAt = this.#options.now();
  }
}
