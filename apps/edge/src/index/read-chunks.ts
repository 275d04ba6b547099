/** Reads values whose hashes are known, and never keeps one without having checked it. */
import { type ChunkEntry, type Manifest, mapLimited, openManifest, type ReadMeter, sha256 } from "@poeem/pq-core";
import { chunkKey } from "@poeem/pq-core/kv";
import type { Arrivals } from "./arrivals.ts";
import { failureKindOf, ReadError } from "./failures.ts";
import type { Load } from "./loaded-index.ts";
import { bytesOf, nameOf, type Store } from "./store.ts";

/** Reads under way at once; a Worker has six connections per request. */
const MAX_READS = 6;
/** So many failures tell that the store is at fault, and the rest is not tried. */
const MAX_FAILURES = 3;

/** Chunks that were compared with their hash when they came. */
const checked = new WeakSet<Uint8Array>();

/** Whether a chunk was compared with its hash when it came, so that nobody needs to when it is used. */
export function isChecked(bytes: Uint8Array): boolean {
  return checked.has(bytes);
}

/** A chunk that is wanted; of one that a table lists no more is known here than its key. */
export type WantedChunk = Pick<ChunkEntry, "key"> & Partial<Pick<ChunkEntry, "size" | "sha256">>;

/** Whether these are the bytes of a chunk, by its hash or the start of it that is in its key. */
export async function isIntact(
  bytes: Uint8Array,
  { key, size = bytes.length, sha256: expected = startOfHash(key) }: WantedChunk,
): Promise<boolean> {
  return bytes.length === size && (await sha256(bytes)).startsWith(expected);
}

const startOfHash = (key: string): string => /-([0-9a-f]{16})\.bin$/.exec(key)?.[1] ?? "no hash";

/**
 * The manifest that a pointer names.
 * @throws ReadError when it is missing or of another version, FormatError when it is damaged, twice each
 */
export function readManifest(store: Store, { manifestKey, version, meter }: Load) {
  return readChecked(async (again) => {
    const bytes = await bytesOf(store, manifestKey, { meter, again });
    const manifest = await openManifest(bytes);
    if (manifest.version !== version)
      throw new ReadError("damaged", `manifest "${manifestKey}" expected version ${version}, got ${manifest.version}`);
    return { bytes, manifest };
  });
}

/**
 * Reads chunks ahead of their use, as many as there is room for. Those that arrived before are not read again, and one
 * that fails keeps none of the others from arriving.
 * @throws ReadError of the first that is missing, or damaged twice
 */
export async function gather(
  store: Store,
  manifest: Manifest,
  isWanted: (entry: ChunkEntry) => boolean,
  arrivals: Arrivals,
  meter: ReadMeter | undefined,
): Promise<void> {
  const wanted = manifest.chunks.filter(isWanted);
  const keys = new Set(wanted.map(({ key }) => key));
  let left = 0;
  const fitting = wanted.filter(({ key, size }) => {
    if (arrivals.has(key) || !arrivals.makeRoom(left + size, keys)) return false;
    left += size;
    return true;
  });
  await readChunks(store, fitting, meter, (key, bytes) => arrivals.add(key, bytes));
}

/**
 * Reads chunks and gives each to `take`, checked.
 * @throws ReadError of the first that is missing, or damaged twice, once the others have come
 */
export async function readChunks(
  store: Store,
  entries: readonly WantedChunk[],
  meter: ReadMeter | undefined,
  take: (key: string, bytes: Uint8Array) => void,
): Promise<void> {
  const failures: unknown[] = [];
  await mapLimited(entries, MAX_READS, async (entry) => {
    if (failures.length >= MAX_FAILURES) return;
    try {
      take(entry.key, await readChunk(store, entry, meter));
    } catch (error) {
      failures.push(error);
    }
  });
  if (failures.length > 0) throw failures[0];
}

function readChunk(store: Store, entry: WantedChunk, meter: ReadMeter | undefined) {
  return readChecked(async (again) => {
    const bytes = await bytesOf(store, chunkKey(entry.key), { meter, again });
    if (!(await isIntact(bytes, entry))) {
      const { size = bytes.length, sha256 = startOfHash(entry.key) } = entry;
      const expected = `expected ${size} bytes with sha256 ${sha256}`;
      const got = bytes.length === size ? "as many with another sha256" : `${bytes.length} bytes`;
      throw new ReadError("damaged", `${nameOf(store)} key "${chunkKey(entry.key)}" ${expected}, got ${got}`);
    }
    checked.add(bytes);
    return bytes;
  });
}

/** Reads, and again past all caches when what came is damaged. */
async function readChecked<T>(read: (again: boolean) => Promise<T>): Promise<T> {
  try {
    return await read(false);
  } catch (error) {
    if (failureKindOf(error) !== "damaged") throw error;
    return read(true);
  }
}
