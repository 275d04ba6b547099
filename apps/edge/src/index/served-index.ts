import { chunkKey, type Index, type IndexPointer, openArtifact } from "@poeem/pq-core";
import { openQueryTower, type QueryTower } from "@poeem/query-tower";
import type { LoadedIndex } from "./holder.ts";
import type { Store } from "./store.ts";

/** One version of the index, ready for queries. */
export interface ServedIndex extends LoadedIndex {
  readonly index: Index;
  /** Turns text into a query vector; undefined when the index was published without one. */
  readonly tower: QueryTower | undefined;
}

/**
 * Opens the version that `pointer` names.
 * @param kernelModule the compiled ADC kernel; a Worker gets it by import, since it may not compile bytes.
 * @throws Error naming the key when a value is missing, FormatError when one is not what the manifest says.
 */
export async function openServedIndex(
  store: Store,
  pointer: IndexPointer,
  kernelModule: WebAssembly.Module | undefined,
): Promise<ServedIndex> {
  const manifest = await bytesOf(store, pointer.manifestKey);
  const index = await openArtifact({ get: (key) => bytesOf(store, chunkKey(key)) }, manifest, { kernelModule });
  if (index.version !== pointer.version) {
    throw new Error(
      `[edge] manifest "${pointer.manifestKey}" expected version ${pointer.version}, got ${index.version}`,
    );
  }
  const towerBytes = await index.queryTower();
  const tower = towerBytes && openQueryTower(towerBytes);
  if (tower && tower.dim !== index.manifest.dim) {
    throw new Error(
      `[edge] query tower of version ${index.version} expected dim ${index.manifest.dim}, got ${tower.dim}`,
    );
  }
  return { version: index.version, publishedAt: pointer.publishedAt, index, tower };
}

async function bytesOf(store: Store, key: string): Promise<Uint8Array> {
  const bytes = await store.getBytes(key);
  if (bytes === null) throw new Error(`[edge] KV has no key "${key}"`);
  return bytes;
}
