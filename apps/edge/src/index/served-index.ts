import {
  type ChunkEntry,
  type ChunkKind,
  type ChunkSource,
  type Index,
  type KernelFactory,
  type Manifest,
  openArtifact,
  type ReadMeter,
} from "@poeem/pq-core";
import { chunkKey } from "@poeem/pq-core/kv";
import { openWords, type Words } from "@poeem/pq-core/words";
import { openQueryTower, type QueryTower, TERM_RULES } from "@poeem/towers";
import { Arrivals } from "./arrivals.ts";
import { IndexUnavailableError } from "./errors.ts";
import { ReadError } from "./failures.ts";
import type { Grant } from "./index-set.ts";
import { KeptPages, release } from "./kept-pages.ts";
import type { Load, LoadedIndex } from "./loaded-index.ts";
import {
  bytesOfKinds,
  type MemoryLimits,
  type MemoryPlan,
  memoryDemand,
  PAGE_KINDS,
  planMemory,
} from "./memory-plan.ts";
import { gather, isChecked, isIntact, readChunks, readManifest } from "./read-chunks.ts";
import { nameOf, type Store } from "./store.ts";
import type { TurnMeter, Turns } from "./turns.ts";

/** One version of the index, ready for queries. */
export interface ServedIndex extends LoadedIndex {
  readonly index: Index;
  /** Turns text into a query vector; undefined when the index was published without one. */
  readonly tower: QueryTower | undefined;
  /** What its items say; undefined when the index has none, or more than an isolate can keep. */
  readonly words: Words | undefined;
  /** What of it is in memory. */
  readonly memory: MemoryPlan;
  /** Chunks that were read ahead; shared with the next version when that has the same base. */
  readonly kept: KeptPages;
  /** The bytes of its tower; shared with the next version when that has the same. */
  readonly towerBytes: KeptPages;
  /**
   * Runs what reads the index, in its turn when that may hold pages which are not in the plan. Where it is given a
   * meter, it must read through that, which is how it shows that it is getting on.
   * @throws OverloadedError when it has no turn in time, or lost it
   */
  readonly use: <T>(work: (meter: ReadMeter | undefined) => Promise<T>, reading?: Reading) => Promise<T>;
}

/** What a request is going to read. */
export interface Reading {
  /** Bytes of pages in all, at a guess; left out: few. */
  readonly bytes?: number | undefined;
  /** Is told of each read. */
  readonly meter?: TurnMeter | undefined;
}

export interface OpenOptions extends MemoryLimits {
  readonly kernel: KernelFactory;
  /** Turns of all requests that read pages. */
  readonly paging: Turns;
  /** Where chunks wait for their use, from one attempt to the next; left out: they do not. */
  readonly arrivals?: Arrivals | undefined;
}

/**
 * Memory that a request holds of what it reads: pages are read one after the other and let go, so half of a few, and
 * of many no more than a run of lists and six pages.
 */
const HELD_SHARE = 1 / 2;
const LEAST_HELD = 256 * 1024;
const MOST_HELD = 4 * 1024 * 1024;
/**
 * Turns of requests that read pages: one of the heaviest at a time, as two would take no less time one beside the
 * other, and as much memory for light ones.
 */
export const PAGING = { total: 2 * MOST_HELD, share: MOST_HELD, light: MOST_HELD / 2, leaseMs: 1500, waitMs: 1000 };
/** After so many reads there is a pause for whoever waits to come in. */
const READS_PER_PAUSE = 16;
/** What is read whole when a version is opened, lists and words apart, which memory need not have room for. */
const READ_AT_ONCE: readonly ChunkKind[] = ["codebook", "query-tower", "delta"];

/**
 * Opens the version that a pointer names. What is to be in memory arrives first, and is put to its use when all of it
 * is there: an attempt that ends earlier leaves what arrived to the next one.
 * @param grant says how much memory it may use
 * @param previous the version that serves: when both have the same base, only what is new is read
 * @throws ReadError naming the key when a value is missing or damaged, FormatError when it is not what it should be
 */
export async function openServedIndex(
  store: Store,
  load: Load,
  grant: Grant,
  { kernel, paging, arrivals = new Arrivals(), ...limits }: OpenOptions,
  previous?: ServedIndex,
): Promise<ServedIndex> {
  const { manifest: opened, bytes: manifest } = await readManifest(store, load);
  const demand = memoryDemand(opened, limits, previous?.index.manifest);
  let memory = planMemory(opened, await grant(demand), limits);
  // Lists that were paged for want of memory, and need not be now, or the reverse, are read anew.
  const areListsAlike = previous && previous.memory.residentBytes > 0 === memory.residentBytes > 0;
  const shared = demand.sharesPages && areListsAlike ? previous : undefined;
  const chunks = new Map(opened.chunks.map((chunk) => [chunk.key, chunk]));
  const used = new Set(chunks.keys());
  const kept = shared?.kept ?? new KeptPages();
  if (previous !== undefined && shared === undefined) kept.keepAlike(previous.kept, used);
  let opening: Load | undefined = load;
  let reads = 0;
  const source: ChunkSource = {
    async get(key, { meter = opening?.meter, again } = {}) {
      if (again) kept.drop(key);
      const found = again ? undefined : (kept.lend(key) ?? arrivals.take(key));
      if (opening === undefined && found === undefined && ++reads % READS_PER_PAUSE === 0) await paging.pause();
      const bytes = found ?? (await store.getBytes(chunkKey(key), { meter, again }));
      const isServing = opening === undefined;
      // Whoever asked compares it with its hash too, but has nobody to tell.
      if (isServing && (bytes === null || (again && !(await isIntact(bytes, chunks.get(key)!))))) load.missed?.();
      if (bytes !== null) return bytes;
      throw new ReadError("missing", `${nameOf(store)} has no key "${chunkKey(key)}"`);
    },
    release,
    isChecked,
  };
  const hasSameTower = previous !== undefined && towerKey(previous.index.manifest) === towerKey(opened);
  // Not `shared` itself: the functions below would keep one version after the other in memory.
  const isShared = shared !== undefined;
  const isAtOnce = ({ kind, delta }: ChunkEntry) =>
    (kind === "query-tower" ? !hasSameTower : !isShared || delta === true) &&
    (READ_AT_ONCE.includes(kind) ||
      (kind === "lists" && memory.residentBytes > 0) ||
      (kind === "words" && memory.keepsWords));
  await gather(store, opened, isAtOnce, arrivals, load.meter);
  const index = await openArtifact(source, manifest, { kernel, ...memory, previous: shared?.index });
  const towerBytes = new KeptPages();
  if (hasSameTower) towerBytes.keepAlike(previous.towerBytes, new Set([towerKey(opened)]));
  const [tower, words] = await Promise.all([
    hasSameTower ? previous.tower : readTower(index, towerBytes),
    memory.keepsWords ? openWords(index) : undefined,
  ]);
  opening = undefined;
  // None but what was not needed after all.
  for (const { key } of index.manifest.chunks) arrivals.drop(key);
  if (tower && tower.dim !== index.manifest.dim) {
    throw new Error(
      `[edge] query tower of version ${index.version} expected dim ${index.manifest.dim}, got ${tower.dim}`,
    );
  }
  const rules = words?.facts.rules ?? TERM_RULES;
  if (rules !== TERM_RULES) {
    throw new Error(
      `[edge] words of version ${index.version} expected rules ${TERM_RULES}, got ${rules}: use a newer @poeem/edge`,
    );
  }
  const isKept = ({ kind }: ChunkEntry) =>
    kind === "filters" ? memory.keepsFilters : memory.keepsPages && PAGE_KINDS.includes(kind);
  const prefetch = async (meter?: ReadMeter) => {
    const waiting = opened.chunks.filter((chunk) => !kept.has(chunk.key) && isKept(chunk));
    await readChunks(store, waiting, meter, (key, bytes) => kept.keep(key, bytes));
    // What only an earlier version used.
    kept.keepOnly(used);
  };
  const unplanned = tower?.heapBytes ?? 0;
  let uses = 0;
  let isFreed = false;
  const lists = bytesOfKinds(opened, ["lists"]);
  if (shared !== undefined) kept.owners++;
  const served: ServedIndex = {
    version: index.version,
    publishedAt: load.publishedAt,
    index,
    tower,
    words,
    kept,
    towerBytes,
    prefetch,
    unplanned,
    get memory() {
      return memory;
    },
    get residue() {
      // The memory of the kernel, unless another version has it too.
      return kept.owners > (isFreed ? 0 : 1) ? 0 : memory.residentBytes;
    },
    get bytesWithLists() {
      return memory.residentBytes < lists ? demand.least + unplanned + lists : undefined;
    },
    resize(bytes) {
      memory = planMemory(opened, bytes - unplanned, limits, memory.residentBytes);
      // Before the pages that were read ahead, which the cache may have as well.
      index.limitPages(memory.cacheBytes);
      if (!memory.keepsPages) kept.keepOnly(new Set(opened.chunks.filter(isKept).map(({ key }) => key)));
      return Math.max(bytes, demand.least + unplanned + memory.residentBytes);
    },
    free() {
      if (uses > 0) return false;
      isFreed = true;
      towerBytes.keepOnly(new Set());
      if (--kept.owners > 0) return true;
      index.limitPages(0);
      kept.keepOnly(new Set());
      return true;
    },
    async use(work, { bytes = 0, meter } = {}) {
      if (isFreed) throw new IndexUnavailableError(`Version ${index.version} has left memory`);
      uses++;
      try {
        if (memory.keepsPages && memory.residentBytes >= lists) return await work(meter);
        return await paging.run(work, Math.max(LEAST_HELD, Math.min(bytes * HELD_SHARE, MOST_HELD)), meter);
      } finally {
        uses--;
      }
    },
  };
  return served;
}

/** What tells one query tower from another: what it is made of. */
function towerKey({ chunks }: Manifest): string {
  const parts = chunks.filter(({ kind }) => kind === "query-tower");
  return parts.map(({ key }) => key).join();
}

/** The query tower, which computes with the bytes that are kept. */
async function readTower(index: Index, towerBytes: KeptPages): Promise<QueryTower | undefined> {
  const bytes = await index.queryTower();
  if (bytes === undefined) return undefined;
  towerBytes.keep(towerKey(index.manifest), bytes);
  return openQueryTower(bytes);
}
