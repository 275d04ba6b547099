/** What Cloudflare charges for serving an index. */
import { charge, STORES, type StoreName, WORKERS } from "./prices.ts";
import type { Chunks, IndexSize } from "./size.ts";

export interface Usage {
  readonly searches: number;
  /** Versions published in a month, none of whose chunks is in the version before. */
  readonly publishes: number;
  /** Versions that the store holds at a time. */
  readonly versions: number;
  /** Times in a month that an isolate starts and reads the index. */
  readonly coldStarts: number;
  /** Isolates that look at the pointer every half minute, on average over the month. */
  readonly isolates: number;
  /** Left out: what the index says. */
  readonly nprobe?: number | undefined;
  readonly k: number;
}

/** What a search asks for; ids with their scores it always gets. */
export interface Asked {
  readonly fields: boolean;
  readonly filter: boolean;
}

/** Shares of what a cache has, 0 to 1. */
export interface Cached {
  /** Of searches that Cloudflare's cache answers in front of the Worker. */
  readonly answers?: number;
  /** Of values that the Cache API has where the store is R2; KV bills what its own caches answer. */
  readonly values?: number;
}

export interface SearchReads {
  readonly lists: number;
  readonly fields: number;
  readonly filters: number;
  readonly all: number;
  readonly bytes: number;
}

/** What one search reads of an isolate that has none of the pages: those that it has are not read again. */
export function searchReads(size: IndexSize, { nprobe, k }: Pick<Usage, "nprobe" | "k">, asked: Asked): SearchReads {
  const visited = Math.min(nprobe ?? size.defaultNprobe, size.runs);
  const { lists, fields, filters, hasIdsInLists } = size;
  const most = (chunks: Chunks | undefined, reads: number): number => Math.min(chunks?.count ?? 0, reads);
  // A cell that begins anywhere in a chunk reaches into one more than its share of them; a run has chunks of its own.
  const listReads = lists === undefined ? 0 : visited * (lists.count / size.runs + (hasIdsInLists ? 0 : 1));
  const reads = {
    lists: most(lists, listReads),
    // Each result may lie on a page of its own.
    fields: asked.fields || !hasIdsInLists ? most(fields, k) : 0,
    // Each page of filters covers some pages of lists, which need not be neighbours.
    filters: asked.filter ? most(filters, listReads) : 0,
  };
  const bytes = (chunks: Chunks | undefined, count: number): number => count * (chunks?.bytes ?? 0);
  return {
    ...reads,
    all: reads.lists + reads.fields + reads.filters,
    bytes: bytes(lists, reads.lists) + bytes(fields, reads.fields) + bytes(filters, reads.filters),
  };
}

export interface MonthlyCost {
  readonly storage: number;
  readonly writes: number;
  readonly reads: number;
  readonly requests: number;
  readonly cpu: number;
  /** With the subscription. */
  readonly total: number;
}

/** Milliseconds of CPU for a search without paging, HTTP included (docs/experiments/edge.md). */
const SEARCH_CPU_MS = 1;
/** A read chunk is hashed: 16 MiB take 10 ms. */
const HASHED_BYTES_PER_MS = 1.6 * 1024 * 1024;
/** A code scanned takes some 2 ns. */
const CODES_PER_MS = 500_000;
const POLLS = 2 * 60 * 24 * 30;

/** What a month costs above what the subscription includes, by part. */
export function monthlyCost(
  size: IndexSize,
  usage: Usage,
  { store, asked, cached = {} }: { readonly store: StoreName; readonly asked: Asked; readonly cached?: Cached },
): MonthlyCost {
  const prices = STORES[store];
  const { answers = 0, values = 0 } = cached;
  const search = searchReads(size, usage, asked);
  const run = usage.searches * (1 - answers);
  const missed = store === "r2" ? 1 - values : 1;
  const written = usage.publishes * size.keys;
  const reads =
    (usage.coldStarts * size.coldStartKeys + run * search.all) * missed +
    // pointers, which no cache of ours keeps
    usage.coldStarts +
    usage.isolates * POLLS +
    // the publisher reads back what it wrote; a list of S3 has no metadata, so all keys are asked for theirs
    written +
    (store === "r2" ? usage.versions * written : 0);
  const visited = Math.min(usage.nprobe ?? size.defaultNprobe, size.runs);
  const scanned = size.lists === undefined ? 0 : (visited / size.runs) * size.items;
  const cpuMs = run * (SEARCH_CPU_MS + search.bytes / HASHED_BYTES_PER_MS + scanned / CODES_PER_MS);
  const storedGB = (usage.versions * size.bytes) / 1e9;
  const cost = {
    storage: Math.max(0, storedGB - prices.storage.included) * prices.storage.perGB,
    // as many keys are pruned as are written
    writes: charge(written, prices.writes) + charge(written, prices.deletes),
    reads: charge(reads, prices.reads),
    requests: charge(usage.searches, WORKERS.requests),
    cpu: charge(cpuMs, WORKERS.cpuMs),
  };
  return { ...cost, total: WORKERS.subscription + Object.values(cost).reduce((sum, part) => sum + part, 0) };
}
