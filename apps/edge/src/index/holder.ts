/**
 * The index that this isolate serves: read once when it is first wanted, then polled in the background.
 *
 * Requests share plain data here, never a promise: in a Worker, a promise that waits for the I/O of one request must
 * not be awaited by another, which may outlive it. So the first cold request reads the index and the others look every
 * few milliseconds, on timers of their own, whether it is there.
 */
import type { ReadMeter } from "@poeem/pq-core";
import { DEFAULT_INDEX_NAME, type IndexPointer, parsePointer, pointerKey } from "@poeem/pq-core/kv";
import type { IndexEvent } from "../log.ts";
import { Attempt } from "./attempt.ts";
import { IndexUnavailableError, OverloadedError, UnknownIndexError, unavailable, unknownIndex } from "./errors.ts";
import { Failures, ReadError } from "./failures.ts";
import { guarded } from "./guarded.ts";
import type { Load, LoadedIndex, LoadMeter } from "./loaded-index.ts";
import { Misses } from "./misses.ts";
import { isBefore, Pointers, type Sighting } from "./pointers.ts";
import { nameOf, type Store } from "./store.ts";

export interface HolderOptions<T extends LoadedIndex> {
  /** What the index is called; it decides the key of the pointer. */
  readonly name: string;
  readonly store: Store;
  /** Opens the version that a pointer names; rejects when a chunk is missing or not what the manifest says. */
  readonly open: (store: Store, load: Load) => Promise<T>;
  /** Milliseconds since the epoch. In a Worker it moves only with I/O, which is all that is measured here. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** The pointer is read again when it is older than this. */
  readonly refreshMs: number;
  /** A reader to whom nothing comes for so long has lost its turn: its request may have been cancelled. */
  readonly leaseMs: number;
  /** After a failed cold start, the same answer is given for this long without reading again. */
  readonly retryMs: number;
  /** Whether a version is to be read anew though it is the newest: it was granted less memory than there is by now. */
  readonly isOutgrown?: (() => boolean) | undefined;
  /** Whether an opened version may serve: between its opening and its last page others may be given its memory. */
  readonly mayServe?: ((index: T) => boolean) | undefined;
  /** Whether to look for the index while none serves; left out: always. */
  readonly mayLook?: (() => boolean) | undefined;
  /** Takes what happens to the index; left out: nobody. */
  readonly report?: ((event: IndexEvent) => void) | undefined;
}

/** What serves, and the newest pointer to it. */
interface Served<T> {
  readonly index: T;
  at: Sighting;
}

/** A version that is on its way, from one attempt to the next. */
interface Coming<T> {
  readonly version: string;
  at: Sighting;
  /** Opened, but not all of its pages are there. */
  index?: T;
}

/** How often a waiting request looks. */
const POLL_MS = 5;
/** What the first answer takes, or a little more. */
const READ_AHEAD_AFTER_MS = 100;
/** A request waits this long for what another one reads, then it is told to come again. */
export const WAIT_MS = 5_000;
/** After so long without a look the version that serves may have been pruned: answers wait for a look, */
const STALE_MS = 600_000;
/** but no longer than this. */
const LOOK_MS = 1_000;

/** One index by its name: the version that serves, and the search for a newer one. */
export class IndexHolder<T extends LoadedIndex> {
  readonly #options: HolderOptions<T>;
  readonly #store: Store;
  readonly #pointers: Pointers;
  readonly #failures: Failures;
  #served: Served<T> | undefined;
  #coming: Coming<T> | undefined;
  #attempt: Attempt | undefined;
  #checkedAt: number | undefined;
  readonly #misses: Misses;
  /** There is more memory for what serves than when it was read: no need to wait for the next look. */
  #isOutgrown = false;

  constructor(options: HolderOptions<T>) {
    this.#options = options;
    this.#store = guarded(options.store, (fault) => this.#report(fault));
    this.#pointers = new Pointers(options.now);
    this.#misses = new Misses(options.now, options.retryMs);
    this.#failures = new Failures(options.now, (failure) => this.#report({ event: "refresh-failed", ...failure }));
  }

  /** The version being served, if any. */
  get current(): T | undefined {
    return this.#served?.index;
  }

  /** The version that is opened, but not complete. */
  get coming(): T | undefined {
    return this.#coming?.index;
  }

  /** Lets the next request look for what {@link HolderOptions.isOutgrown} tells, though no look is due. */
  outgrow(): void {
    this.#isOutgrown = true;
  }

  /** Neither serves an index nor reads one. */
  get isEmpty(): boolean {
    return this.#served === undefined && this.#coming === undefined && !this.#attempt?.isAlive;
  }

  /** Since when looks for a version fail, and with what kind of failure; undefined when they do not. */
  get refreshFailure(): string | undefined {
    return this.#failures.public;
  }

  /** Whether something serves, and all that was wanted of it could be had when it was wanted last. */
  get isWhole(): boolean {
    return this.#served !== undefined && this.#misses.areNone;
  }

  /** When the pointer was last read, as `now` tells time; undefined when it has not been. */
  get checkedAt(): number | undefined {
    return this.#checkedAt;
  }

  /**
   * The index to answer a request with. Warm: at once, and a look at the pointer in `waitUntil` when one is due. When
   * nobody looked for minutes, or a page is missing, the look comes first, for a second at most.
   * @throws IndexUnavailableError when it cannot be read, takes too long or nothing is published yet
   * @throws UnknownIndexError when no index has its name
   * @throws OverloadedError when there is no room for it
   */
  async acquire(waitUntil: (promise: Promise<unknown>) => void, meter?: LoadMeter): Promise<T> {
    const served = this.#served;
    if (served === undefined) return this.#acquireCold(waitUntil, this.#options.now() + WAIT_MS, meter);
    const isStale = this.#isStale();
    if (isStale || this.#isDue()) waitUntil(this.refresh());
    const attempt = this.#attempt;
    if (isStale && attempt !== undefined) attempt.isAwaited = true;
    if (attempt?.isAwaited) await this.#awaitLook(attempt);
    return this.#served?.index ?? served.index;
  }

  async #awaitLook(attempt: Attempt): Promise<void> {
    while (attempt.isAlive && attempt.ms < LOOK_MS) await this.#options.sleep(POLL_MS);
  }

  /** Switches to another version when the pointer names one. Never rejects: the old version keeps serving. */
  async refresh(): Promise<void> {
    const attempt = this.#begin();
    let sighting: Sighting | undefined;
    try {
      sighting = await this.#look(attempt);
      await this.#follow(sighting, attempt);
    } catch (error) {
      if (this.#attempt === attempt) this.#fail(error, this.#options.refreshMs, sighting);
    } finally {
      attempt.end();
    }
  }

  /** Reads the version that was sighted, if it is another and newer one, and takes it over when it is complete. */
  async #follow(sighting: Sighting, attempt: Attempt): Promise<void> {
    const served = this.#served!;
    const { pointer } = sighting;
    const isOlder = isBefore(sighting, served.at);
    if (pointer.version === served.index.version) {
      if (!isOlder) served.at = sighting;
      // Completes what a cold start could not read, and finds what was missed as soon as it is there.
      if (!this.isWhole) await this.#complete(served.index, attempt);
      else if (this.#failures.holdBack(nameOfTry(pointer))) return;
      else if (this.#options.isOutgrown?.()) await this.#openLarger(sighting, attempt);
      else await this.#complete(served.index, attempt);
      if (this.#coming !== undefined && isBefore(served.at, this.#coming.at)) return;
      this.#coming = undefined;
      this.#failures.clear();
    } else if (isOlder) {
      this.#tellOlder(pointer);
    } else if (this.#failures.holdBack(nameOfTry(pointer))) {
      // What fails here was told when it was missed.
      if (!this.isWhole) await this.#complete(served.index, attempt).catch(() => undefined);
    } else {
      const index = await this.#open(sighting, attempt);
      await index.prefetch(attempt);
      this.#takeOver(index, sighting, attempt);
    }
  }

  #tellOlder({ version: wantedVersion, publishedAt }: IndexPointer): void {
    if (this.#pointers.isFirstOlder) this.#report({ event: "stale-pointer", wantedVersion, publishedAt });
    const ignored = this.#pointers.takeIgnored();
    if (ignored === undefined) return;
    const [since, until] = [ignored.since, ignored.until].map((time) => new Date(time).toISOString()) as [
      string,
      string,
    ];
    this.#report({ event: "old-pointer", wantedVersion, publishedAt, since, until });
  }

  async #acquireCold(
    waitUntil: (promise: Promise<unknown>) => void,
    until: number,
    meter: LoadMeter | undefined,
  ): Promise<T> {
    const { now, sleep } = this.#options;
    for (;;) {
      if (this.#served !== undefined) return this.#served.index;
      const attempt = this.#attempt;
      if (attempt === undefined || this.#isOver(attempt)) {
        if (this.#options.mayLook?.() === false)
          throw new OverloadedError("More names are asked for than are looked for at a time");
        const loading = this.#coldStart(meter);
        // The index is for all requests: go on even if the client of this one hangs up.
        waitUntil(loading.then((index) => this.#readAhead(index)).catch(() => undefined));
        return loading;
      }
      if (attempt.newError !== undefined) throw attempt.newError();
      if (now() >= until)
        throw new IndexUnavailableError("The index is being read and will be there soon", {
          cause: new ReadError("late", `index "${this.#options.name}" was not there after ${WAIT_MS} ms`),
        });
      await sleep(POLL_MS);
    }
  }

  async #coldStart(meter: LoadMeter | undefined): Promise<T> {
    const attempt = this.#begin();
    let sighting: Sighting | undefined;
    try {
      sighting = await this.#look(attempt);
      if (this.#failures.holdBack(nameOfTry(sighting.pointer))) throw this.#failures.error;
      const index = await this.#open(sighting, attempt);
      this.#takeOver(index, sighting, attempt);
      return this.#served!.index;
    } catch (error) {
      const newError = () => unavailable(error);
      if (this.#attempt === attempt) {
        attempt.newError = newError;
        if (!(error instanceof UnknownIndexError) && error !== this.#failures.error)
          this.#fail(error, this.#options.retryMs, sighting);
      }
      throw newError();
    } finally {
      attempt.end();
      meter?.loaded(attempt.reads, attempt.bytes, attempt.cached);
    }
  }

  /** Reads ahead once the first answer is on its way: it needs the same connections, and pages of its own. */
  async #readAhead(index: T): Promise<void> {
    const { sleep, now, leaseMs, refreshMs } = this.#options;
    await sleep(READ_AHEAD_AFTER_MS);
    try {
      await this.#complete(index, new Attempt(now, leaseMs));
    } catch (error) {
      if (this.#served?.index === index) this.#fail(error, refreshMs, this.#served.at);
    }
  }

  /** Reads ahead of what serves, and again what was missed. */
  async #complete(index: T, meter: ReadMeter): Promise<void> {
    await this.#misses.heal(async (keys) => {
      await index.prefetch(meter);
      if (keys.size > 0) await index.check?.(keys, meter);
    });
  }

  async #look(attempt: Attempt): Promise<Sighting> {
    const pointer = await this.#readPointer(attempt);
    this.#checkedAt = this.#options.now();
    this.#failures.clearLooks();
    return this.#pointers.see(pointer, this.#served?.at);
  }

  async #readPointer(meter: ReadMeter): Promise<IndexPointer> {
    const { name } = this.#options;
    const key = pointerKey(name);
    const text = await this.#store.getText(key, { meter });
    if (text !== null) return parsePointer(text);
    const cause = new ReadError("missing", `${nameOf(this.#store)} has no key "${key}"`);
    // Without any index the Worker is not ready; without this one the caller asked for the wrong one.
    throw name === DEFAULT_INDEX_NAME
      ? new IndexUnavailableError("No index has been published yet. Run: poeem publish", { cause })
      : new UnknownIndexError(unknownIndex(name), { cause });
  }

  /** Opens a version, unless an earlier attempt has. */
  async #open(sighting: Sighting, attempt: Attempt): Promise<T> {
    const { pointer } = sighting;
    const before = this.#coming;
    const isSame = before?.version === pointer.version && !(before.index && this.#hasLeft(before.index));
    const coming: Coming<T> = isSame ? before : { version: pointer.version, at: sighting };
    this.#coming = coming;
    coming.at = sighting;
    const load = { ...pointer, meter: attempt, misses: this.#misses };
    const opened = coming.index ?? (await this.#options.open(this.#store, load));
    // Another attempt may have been faster.
    coming.index ??= opened;
    return coming.index;
  }

  /**
   * Replaces the version that serves by the same, opened once more.
   * @param open opens it, given what serves
   */
  async openAnew(meter: ReadMeter, open: (store: Store, load: Load, current: T) => Promise<T>): Promise<void> {
    const before = this.#served;
    if (before === undefined) return;
    const load = { ...before.at.pointer, meter, misses: this.#misses };
    const index = await open(this.#store, load, before.index);
    if (this.#served === before && !this.#hasLeft(index)) this.#served = { index, at: before.at };
  }

  /** Opens the version that serves once more, in more memory. */
  async #openLarger(at: Sighting, attempt: Attempt): Promise<void> {
    const before = this.#served;
    const index = await this.#open(at, attempt);
    await index.prefetch(attempt);
    if (this.#served === before && !this.#hasLeft(index)) this.#served = { index, at };
  }

  /** Also by an attempt that had lost its turn: what it brings is complete. */
  #takeOver(index: T, at: Sighting, { ms, reads, bytes, cached }: Attempt): void {
    const took = { ms, reads, bytes, ...(cached > 0 && { cached }) };
    if (this.#hasLeft(index))
      throw new ReadError("late", `version ${index.version} left memory before it was complete`);
    const before = this.#served;
    if (before !== undefined && (before.index.version === index.version || isBefore(at, before.at))) return;
    this.#served = { index, at };
    if (this.#coming?.version === index.version) this.#coming = undefined;
    this.#failures.clear();
    this.#misses.clear();
    const { publishedAt } = index;
    if (before === undefined) this.#report({ event: "cold-start", publishedAt, ...took });
    else {
      const previousVersion = before.index.version;
      this.#report({ event: "take-over", publishedAt, previousVersion, ...took });
    }
  }

  #hasLeft(index: T): boolean {
    return this.#options.mayServe?.(index) === false;
  }

  #fail(error: unknown, waitMs: number, sighting: Sighting | undefined): void {
    const pointer = sighting?.pointer;
    this.#failures.add(error, waitMs, pointer && nameOfTry(pointer), pointer?.version);
  }

  /** The last look is so long ago, or a page missing, that an answer should wait for another look. */
  #isStale(): boolean {
    const attempt = this.#attempt;
    if (attempt === undefined || attempt.ms >= STALE_MS) return !attempt?.isAlive;
    return attempt.endedAt !== undefined && this.#misses.wantLook(attempt.endedAt);
  }

  #isDue(): boolean {
    const attempt = this.#attempt;
    if (attempt?.endedAt === undefined) return attempt === undefined || attempt.isLost;
    return this.#isOutgrown || this.#options.now() - attempt.endedAt >= this.#options.refreshMs;
  }

  /** Whether an attempt no longer keeps others from trying: it failed a while ago, or nothing comes to it. */
  #isOver({ endedAt, isLost }: Attempt): boolean {
    return endedAt === undefined ? isLost : this.#options.now() - endedAt >= this.#options.retryMs;
  }

  #begin(): Attempt {
    const { now, leaseMs, name } = this.#options;
    if (this.#attempt?.isLost) {
      const error = new ReadError("late", `nothing of index "${name}" came for ${leaseMs} ms`);
      this.#fail(error, 0, this.#coming?.at);
    }
    this.#misses.look();
    this.#isOutgrown = false;
    this.#attempt = new Attempt(now, leaseMs);
    return this.#attempt;
  }

  /** Completes an event with the name of the index, and the version that serves. */
  #report(event: IndexEvent): void {
    this.#options.report?.({ ...event, index: this.#options.name, indexVersion: this.#served?.index.version });
  }
}

function nameOfTry({ version, publishedAt }: IndexPointer): string {
  return `${version} ${publishedAt}`;
}
