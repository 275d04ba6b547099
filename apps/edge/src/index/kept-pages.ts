/**
 * Pages of a version that were read ahead. Versions that have the same page share its memory, and it is freed at once
 * when none of them keeps it and nothing reads it.
 */

import { free } from "./arrivals.ts";

/** Who has the memory of a page that some version keeps. */
interface Claims {
  /** Versions that keep it. */
  versions: number;
  /** Readers and caches that were given it and have not released it. Those of cancelled requests never do. */
  readers: number;
}

const CLAIMS = new WeakMap<ArrayBufferLike, Claims>();

/** See the head of this file. */
export class KeptPages {
  readonly #pages = new Map<string, Uint8Array>();

  has(key: string): boolean {
    return this.#pages.has(key);
  }

  /** Keys of all pages. */
  keys(): IterableIterator<string> {
    return this.#pages.keys();
  }

  /** A page to be read, until {@link release}. */
  lend(key: string): Uint8Array | undefined {
    const page = this.#pages.get(key);
    if (page !== undefined) CLAIMS.get(page.buffer)!.readers++;
    return page;
  }

  /** Keeps the page that came for a key, or that another version keeps. */
  keep(key: string, page: Uint8Array): void {
    if (this.#pages.has(key)) return;
    this.#pages.set(key, page);
    const claims = CLAIMS.get(page.buffer);
    if (claims === undefined) CLAIMS.set(page.buffer, { versions: 1, readers: 0 });
    else claims.versions++;
  }

  /** Keeps what another version has of these keys. */
  keepAlike(other: KeptPages, keys: ReadonlySet<string>): void {
    for (const [key, page] of other.#pages) if (keys.has(key)) this.keep(key, page);
  }

  /** Lets all pages go but those of some keys. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#pages.keys()) if (!keys.has(key)) this.drop(key);
  }

  /** Lets a page go. */
  drop(key: string): void {
    const page = this.#pages.get(key);
    if (page === undefined) return;
    this.#pages.delete(key);
    CLAIMS.get(page.buffer)!.versions--;
    freeUnclaimed(page);
  }
}

/** Takes back bytes that were read: a page that was lent, or what no version keeps. */
export function release(bytes: Uint8Array): void {
  const claims = CLAIMS.get(bytes.buffer);
  if (claims !== undefined && claims.readers > 0) claims.readers--;
  freeUnclaimed(bytes);
}

function freeUnclaimed(bytes: Uint8Array): void {
  const claims = CLAIMS.get(bytes.buffer);
  if (claims !== undefined && claims.versions + claims.readers > 0) return;
  CLAIMS.delete(bytes.buffer);
  free(bytes);
}
