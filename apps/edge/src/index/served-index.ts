import {
  type ChunkEntry,
  type ChunkSource,
  type Index,
  type KernelFactory,
  type Manifest,
  mapLimited,
  openArtifact,
  openManifest,
  type ReadMeter,
  type ReadOptions,
  sha256,
} from "@poeem/pq-core";
import { chunkKey, type IndexPointer } from "@poeem/pq-core/kv";
import { openWords, type Words } from "@poeem/pq-core/words";
import { openQueryTower, type QueryTower, TERM_RULES } from "@poeem/towers";
import { IndexUnavailableError } from "./errors.ts";
import type { LoadedIndex } from "./holder.ts";
import type { Grant } from "./index-set.ts";
import { KeptPages, release } from "./kept-pages.ts";
import {
  bytesOfKinds,
  type MemoryLimits,
  type MemoryPlan,
  memoryDemand,
  PAGE_KINDS,
  planMemory,
} from "./memory-plan.ts";
import { nameOf, type Store } from "./store.ts";
import type { Turns } from "./turns.ts";

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
   * Runs what reads the index, in its turn when that may hold pages which are not in the plan.
   * @throws OverloadedError when it has no turn in time
   */
  readonly use: <T>(work: (served: ServedIndex) => Promise<T>, reading?: Reading) => Promise<T>;
  /** Says that the next version has what this one has in memory. */
  readonly handOn: () => void;
}

/** What a request is going to read. */
export interface Reading {
  /** Bytes of pages in all, at a guess; left out: few. */
  readonly bytes?: number | undefined;
  /** Is told of each read. */
  readonly meter?: ReadMeter | undefined;
}

export interface OpenOptions extends MemoryLimits {
  readonly kernel: KernelFactory;
  /** Turns of all requests that read pages. */
  readonly paging: Turns;
}

/**
 * Memory that a request holds of what it reads: pages are read one after the other and let go, so half of a few, and
 * of many no more than a run of lists and six pages.
 */
const HELD_SHARE = 1 / 2;
const LEAST_HELD = 256 * 1024;
const MOST_HELD = 4 * 1024 * 1024;
/** Turns of requests that read pages: two of the heaviest at a time, and a third of the memory for light ones. */
export const PAGING = { total: 3 * MOST_HELD, share: MOST_HELD, light: MOST_HELD / 2, leaseMs: 1500, waitMs: 2000 };
/** Reads under way at once; a Worker has six connections per request. */
const MAX_READS = 6;

/**
 * Opens the version that `pointer` names.
 * @param grant says how much memory it may use
 * @param previous the version that serves: when both have the same base, only what is new is read
 * @throws Error naming the key when a value is missing, FormatError when one is not what the manifest says.
 */
export async function openServedIndex(
  store: Store,
  pointer: IndexPointer,
  grant: Grant,
  { kernel, paging, ...limits }: OpenOptions,
  previous?: ServedIndex,
): Promise<ServedIndex> {
  const manifest = await bytesOf(store, pointer.manifestKey);
  const opened = await openManifest(manifest);
  const demand = memoryDemand(opened, limits, previous?.index.manifest);
  let memory = planMemory(opened, grant(demand), limits);
  // Lists that were paged for want of memory, and need not be now, or the reverse, are read anew.
  const areListsAlike = previous && previous.memory.residentBytes > 0 === memory.residentBytes > 0;
  const shared = demand.sharesPages && areListsAlike ? previous : undefined;
  const used = new Set(opened.chunks.map(({ key }) => key));
  const kept = shared?.kept ?? new KeptPages();
  if (previous !== undefined && shared === undefined) kept.keepAlike(previous.kept, used);
  const source: ChunkSource = {
    get: async (key, options) =>
      (options?.again ? undefined : kept.lend(key)) ?? (await bytesOf(store, chunkKey(key), options)),
    release,
  };
  const index = await openArtifact(source, manifest, { kernel, ...memory, previous: shared?.index });
  if (index.version !== pointer.version) {
    throw new Error(
      `[edge] manifest "${pointer.manifestKey}" expected version ${pointer.version}, got ${index.version}`,
    );
  }
  const towerBytes = new KeptPages();
  const [tower, words] = await Promise.all([
    openTower(index, towerBytes, previous),
    memory.keepsWords ? openWords(index) : undefined,
  ]);
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
  const prefetch = async () => {
    const waiting = opened.chunks.filter((chunk) => !kept.has(chunk.key) && isKept(chunk));
    await mapLimited(waiting, MAX_READS, async ({ key, size, sha256: expected }) => {
      const bytes = await bytesOf(store, chunkKey(key));
      const complain = (expected: string, got: string | number) => {
        throw new Error(`[edge] ${nameOf(store)} key "${chunkKey(key)}" expected ${expected}, got ${got}`);
      };
      if (bytes.length !== size) complain(`${size} bytes`, bytes.length);
      // Whoever reads a page checks it as well, but then the version serves already.
      const got = await sha256(bytes);
      if (got !== expected) complain(`sha256 ${expected}`, got);
      kept.keep(key, bytes);
    });
    // What only an earlier version used.
    kept.keepOnly(used);
  };
  let uses = 0;
  let isHandedOn = false;
  let isFreed = false;
  const lists = bytesOfKinds(opened, ["lists"]);
  shared?.handOn();
  const served: ServedIndex = {
    version: index.version,
    publishedAt: pointer.publishedAt,
    index,
    tower,
    words,
    kept,
    towerBytes,
    prefetch,
    get memory() {
      return memory;
    },
    get bytesWithLists() {
      return memory.residentBytes < lists ? demand.least + lists : undefined;
    },
    resize(bytes) {
      memory = planMemory(opened, bytes, limits, memory.residentBytes);
      // Before the pages that were read ahead, which the cache may have as well.
      index.limitPages(memory.cacheBytes);
      if (!memory.keepsPages) kept.keepOnly(new Set(opened.chunks.filter(isKept).map(({ key }) => key)));
      return Math.max(bytes, demand.least + memory.residentBytes);
    },
    handOn: () => {
      isHandedOn = true;
    },
    free() {
      if (uses > 0) return false;
      isFreed = true;
      towerBytes.keepOnly(new Set());
      if (isHandedOn) return true;
      index.limitPages(0);
      kept.keepOnly(new Set());
      return true;
    },
    async use(work, { bytes = 0, meter } = {}) {
      if (isFreed) throw new IndexUnavailableError(`Version ${index.version} has left memory`);
      const run = (meter: ReadMeter | undefined) => work(meter ? metered(served, meter) : served);
      uses++;
      try {
        if (memory.keepsPages && memory.residentBytes >= lists) return await run(meter);
        return await paging.run(run, Math.max(LEAST_HELD, Math.min(bytes * HELD_SHARE, MOST_HELD)), meter);
      } finally {
        uses--;
      }
    },
  };
  return served;
}

/** The same version, whose reads are told to a meter. */
function metered(served: ServedIndex, meter: ReadMeter): ServedIndex {
  return Object.create(served, {
    index: { value: served.index.metered(meter) },
    words: { value: served.words?.metered(meter) },
  });
}

/** The query tower, which computes with the bytes that are kept; that of the version before when it is the same. */
async function openTower(
  index: Index,
  towerBytes: KeptPages,
  previous: ServedIndex | undefined,
): Promise<QueryTower | undefined> {
  const keyOf = ({ chunks }: Manifest) =>
    chunks
      .filter(({ kind }) => kind === "query-tower")
      .map(({ key }) => key)
      .join();
  const key = keyOf(index.manifest);
  if (previous !== undefined && keyOf(previous.index.manifest) === key) {
    towerBytes.keepAlike(previous.towerBytes, new Set([key]));
    return previous.tower;
  }
  const bytes = await index.queryTower();
  if (bytes === undefined) return undefined;
  towerBytes.keep(key, bytes);
  return openQueryTower(bytes);
}

async function bytesOf(store: Store, key: string, options?: ReadOptions): Promise<Uint8Array> {
  options?.meter?.spend();
  const bytes = await store.getBytes(key);
  options?.meter?.got(bytes?.length ?? 0);
  if (bytes === null) throw new Error(`[edge] ${nameOf(store)} has no key "${key}"`);
  return bytes;
}
