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
import type { EncoderDesk } from "../encoder/desk.ts";
import { Arrivals } from "./arrivals.ts";
import { type InputEncoder, inputEncoders } from "./encoders.ts";
import { IndexUnavailableError } from "./errors.ts";
import { ReadError } from "./failures.ts";
import type { Grant } from "./index-set.ts";
import { KeptPages, release } from "./kept-pages.ts";
import type { Load, LoadedIndex } from "./loaded-index.ts";
import {
  bytesOfKinds,
  canBeResident,
  type MemoryLimits,
  type MemoryPlan,
  memoryDemand,
  PAGE_KINDS,
  planMemory,
  wordBytes,
} from "./memory-plan.ts";
import { gather, isChecked, isIntact, readChunks, readManifest } from "./read-chunks.ts";
import { nameOf, type Store } from "./store.ts";
import type { TurnMeter, Turns } from "./turns.ts";

/** One version of the index, ready for queries. */
export interface ServedIndex extends LoadedIndex {
  readonly index: Index;
  /** Turns text into a query vector; undefined when the index was published without one. */
  readonly tower: QueryTower | undefined;
  /** Who embeds texts for it: for each input of its tower that names an encoder, where there are any. */
  readonly encoders: readonly InputEncoder[];
  /** What its items say; undefined when the index has none, or more than an isolate can keep. */
  readonly words: Words | undefined;
  /** What of it is in memory. */
  readonly memory: MemoryPlan;
  /** Chunks that were read ahead, and are kept for this version. */
  readonly kept: KeptPages;
  /** Those of all versions with the same base, in the order in which they were opened. */
  readonly siblings: Set<KeptPages>;
  /** The bytes of its tower; shared with the next version when that has the same. */
  readonly towerBytes: KeptPages;
  /**
   * Runs what reads the index, in its turn when that may hold pages which are not in the plan. Where it is given a
   * meter, it must read through that, which is how it shows that it is getting on.
   * @throws OverloadedError when it has no turn in time, or lost it
   */
  readonly use: <T>(work: (meter: ReadMeter | undefined) => Promise<T>, reading?: Reading) => Promise<T>;
  /** It cannot be freed while this goes on. */
  readonly whileUsed: <T>(work: () => Promise<T>) => Promise<T>;
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
  /** Those that texts can be embedded by; left out: none. */
  readonly encoders?: readonly EncoderDesk[] | undefined;
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
export function openServedIndex(
  store: Store,
  load: Load,
  grant: Grant,
  options: OpenOptions,
  previous?: ServedIndex,
): Promise<ServedIndex> {
  const opening = () => open(store, load, grant, options, previous);
  // What both have must not be freed before it is shared, though another attempt may replace that version meanwhile.
  return previous === undefined ? opening() : previous.whileUsed(opening);
}

async function open(
  store: Store,
  load: Load,
  grant: Grant,
  { kernel, paging, encoders: desks = [], arrivals = new Arrivals(), ...limits }: OpenOptions,
  previous: ServedIndex | undefined,
): Promise<ServedIndex> {
  const { manifest: opened, bytes: manifest } = await readManifest(store, load);
  const demand = memoryDemand(opened, limits, previous?.index.manifest);
  let memory = planMemory(opened, await grant(demand), limits);
  // Lists that were paged for want of memory, and need not be now, or the reverse, are read anew.
  const areListsAlike = previous && previous.memory.residentBytes > 0 === memory.residentBytes > 0;
  const shared = demand.sharesPages && areListsAlike ? previous : undefined;
  const chunks = new Map(opened.chunks.map((chunk) => [chunk.key, chunk]));
  const kept = new KeptPages();
  let opening: Load | undefined = load;
  let reads = 0;
  const source: ChunkSource = {
    async get(key, { meter = opening?.meter, again } = {}) {
      if (again) kept.drop(key);
      const found = again ? undefined : (kept.lend(key) ?? arrivals.take(key));
      if (found !== undefined) return found;
      const misses = opening === undefined ? load.misses : undefined;
      if (opening === undefined && ++reads % READS_PER_PAUSE === 0) await paging.pause();
      const read = (meter: ReadMeter | undefined) => store.getBytes(chunkKey(key), { meter, again });
      const bytes = await (misses ? misses.watch(key, meter, read) : read(meter));
      // Whoever asked compares it with its hash too, but has nobody to tell.
      if (misses && again && bytes !== null && !(await isIntact(bytes, chunks.get(key) ?? { key }))) misses.add(key);
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
  const encoders = inputEncoders(tower, desks, index.version);
  const rules = words?.facts.rules ?? TERM_RULES;
  if (rules !== TERM_RULES) {
    throw new Error(
      `[edge] words of version ${index.version} expected rules ${TERM_RULES}, got ${rules}: use a newer @poeem/edge`,
    );
  }
  const check = (keys: ReadonlySet<string>, meter?: ReadMeter) => {
    const wanted = [...keys].filter((key) => !kept.has(key)).map((key) => chunks.get(key) ?? { key });
    return readChunks(store, wanted, meter, () => undefined);
  };
  const unplanned = tower?.heapBytes ?? 0;
  let uses = 0;
  let isFreed = false;
  const isKept = ({ kind }: ChunkEntry) =>
    !isFreed && (kind === "filters" ? memory.keepsFilters : memory.keepsPages && PAGE_KINDS.includes(kind));
  const keysToKeep = () => new Set(opened.chunks.filter(isKept).map(({ key }) => key));
  // From here on nothing fails: what a version that never serves claimed would be freed by none.
  if (hasSameTower) towerBytes.keepAlike(previous.towerBytes, new Set([towerKey(opened)]));
  if (previous !== undefined) kept.keepAlike(previous.kept, keysToKeep());
  const siblings = shared?.siblings ?? new Set<KeptPages>();
  siblings.add(kept);
  /** What several read ahead at a time is in memory once. */
  const adopt = (keys: ReadonlySet<string>) => {
    for (const sibling of siblings) kept.keepAlike(sibling, keys);
  };
  const prefetch = async (meter?: ReadMeter) => {
    const keys = keysToKeep();
    adopt(keys);
    const waiting = opened.chunks.filter(({ key }) => keys.has(key) && !kept.has(key));
    await readChunks(store, waiting, meter, (key, bytes) => {
      // Its memory may have been given to others meanwhile.
      const isWanted = isKept(chunks.get(key)!);
      if (isWanted) adopt(new Set([key]));
      if (isWanted && !kept.has(key)) kept.keep(key, bytes);
      else release(bytes);
    });
  };
  const whileUsed = async <T>(work: () => Promise<T>): Promise<T> => {
    uses++;
    try {
      return await work();
    } finally {
      uses--;
    }
  };
  const lists = bytesOfKinds(opened, ["lists"]);
  const served: ServedIndex = {
    version: index.version,
    publishedAt: load.publishedAt,
    index,
    tower,
    encoders,
    words,
    kept,
    siblings,
    towerBytes,
    prefetch,
    check,
    unplanned,
    get memory() {
      return memory;
    },
    get residue() {
      // The memory of the kernel, and words, unless another version has them too.
      if (siblings.size > (isFreed ? 0 : 1)) return 0;
      return memory.residentBytes + (memory.keepsWords ? wordBytes(opened) : 0);
    },
    get bytesWithLists() {
      return canBeResident(opened) && memory.residentBytes < lists ? demand.least + unplanned + lists : undefined;
    },
    resize(bytes) {
      memory = planMemory(opened, bytes - unplanned, limits, memory.residentBytes);
      // Before the pages that were read ahead, which the cache may have as well. It is that of all siblings: the newest
      // says how large it is.
      if ([...siblings].at(-1) === kept) index.limitPages(memory.cacheBytes);
      if (!memory.keepsPages) kept.keepOnly(keysToKeep());
      return Math.max(bytes, demand.least + unplanned + memory.residentBytes);
    },
    free() {
      if (uses > 0) return false;
      isFreed = true;
      towerBytes.keepOnly(new Set());
      siblings.delete(kept);
      if (siblings.size === 0) index.limitPages(0);
      kept.keepOnly(new Set());
      return true;
    },
    async use(work, { bytes = 0, meter } = {}) {
      if (isFreed) throw new IndexUnavailableError(`Version ${index.version} has left memory`);
      return whileUsed(() => {
        if (memory.keepsPages && memory.residentBytes >= lists) return work(meter);
        return paging.run(work, Math.max(LEAST_HELD, Math.min(bytes * HELD_SHARE, MOST_HELD)), meter);
      });
    },
    whileUsed,
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
