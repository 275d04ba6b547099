import { messageOf, UserError } from "@poeem/offline/errors";
import { type ChunkSource, FormatError, listChunks, type Manifest, mapLimited } from "@poeem/pq-core";
import { chunkKey, manifestKey } from "@poeem/pq-core/kv";
import type { Clock } from "./clock.ts";
import { sha256 } from "./read-artifact.ts";
import type { Store } from "./store.ts";

/** A value that must be in the store, by its full KV key. */
export interface ExpectedValue {
  readonly key: string;
  readonly size: number;
  /** Of all bytes, 64 hex digits. */
  readonly sha256: string;
}

export interface DamagedValue extends ExpectedValue {
  readonly got: "nothing" | "other bytes";
}

/**
 * Everything that a version consists of: its chunks in the order of the manifest, those that tables list, then the
 * manifest itself.
 *
 * @param source of its tables, if it has any
 */
export async function valuesOf(
  manifest: Manifest,
  manifestBytes: Uint8Array,
  source: ChunkSource,
): Promise<ExpectedValue[]> {
  const chunks = await listChunks(manifest, source);
  return [
    ...chunks.map(({ key, size, sha256 }) => ({ key: chunkKey(key), size, sha256 })),
    { key: manifestKey(manifest.version), size: manifestBytes.length, sha256: sha256(manifestBytes) },
  ];
}

/**
 * The same of a version that was published.
 *
 * @throws UserError when a table is missing or damaged: what it lists is then unknown
 */
export async function publishedValuesOf(
  store: Store,
  { manifest, manifestBytes }: { readonly manifest: Manifest; readonly manifestBytes: Uint8Array },
): Promise<ExpectedValue[]> {
  try {
    return await valuesOf(manifest, manifestBytes, chunksIn(store));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new UserError(`${store.name}: version ${manifest.version} is damaged: ${messageOf(error)}`);
  }
}

/** The chunks of published versions. */
function chunksIn(store: Store): ChunkSource {
  return {
    async get(key) {
      const bytes = await store.get(chunkKey(key));
      if (bytes === null) throw new UserError(`${store.name}: no key ${chunkKey(key)}`);
      return bytes;
    },
  };
}

/** What values take together. */
export function bytesOf(values: readonly ExpectedValue[]): number {
  return values.reduce((sum, { size }) => sum + size, 0);
}

/**
 * Reads values and tells which are not there or not what they should be. What was just written may not be seen at once:
 * a value that is not right is read again, at growing distances, until `patienceMs` have passed.
 */
export async function findDamaged(
  store: Store,
  values: readonly ExpectedValue[],
  clock: Clock,
  patienceMs: number,
  onRead: (value: ExpectedValue) => Promise<void> = async () => undefined,
): Promise<DamagedValue[]> {
  const damaged: DamagedValue[] = [];
  await mapLimited(values, store.maxReads, async (value) => {
    const started = clock.now();
    let got = await look(store, value);
    for (let wait = 1000; got !== "right" && clock.now() - started < patienceMs; wait = Math.min(2 * wait, 16_000)) {
      await clock.sleep(wait);
      got = await look(store, value);
    }
    if (got !== "right") damaged.push({ ...value, got });
    await onRead(value);
  });
  return damaged;
}

async function look(store: Store, value: ExpectedValue): Promise<"right" | DamagedValue["got"]> {
  const bytes = await store.get(value.key);
  if (bytes === null) return "nothing";
  return bytes.length === value.size && sha256(bytes) === value.sha256 ? "right" : "other bytes";
}
