/** Index folders as a store: what `poeem publish` would make of them, made while they are read. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, naming, UserError } from "@poeem/offline/errors";
import { readFolders } from "@poeem/offline/index-folder/read";
import { type ChunkSource, listChunks, openManifest } from "@poeem/pq-core";
import { chunkKey, DEFAULT_INDEX_NAME, formatPointer, manifestKey, pointerKey } from "@poeem/pq-core/kv";
import { ReadError } from "../index/failures.ts";
import type { Store } from "../index/store.ts";

/** A folder that `poeem train` wrote, and one that `poeem encode` wrote with changes to it. */
export interface IndexFolder {
  readonly directory: string;
  readonly delta?: string | undefined;
}

/** One folder, served as `current`, or one for each name of an index. */
export type IndexFolders = string | Readonly<Record<string, string | IndexFolder>>;

/** The folders by the names of their indexes. */
export function foldersByName(folders: IndexFolders): Map<string, IndexFolder> {
  const named = typeof folders === "string" ? { [DEFAULT_INDEX_NAME]: folders } : folders;
  const entries = Object.entries(named).map(
    ([name, folder]) => [name, typeof folder === "string" ? { directory: folder } : folder] as const,
  );
  return new Map(entries);
}

/**
 * The store over index folders. A version that is written into a folder is noticed at the next look at its pointer.
 *
 * An index that memory does not keep whole is read while it is searched: between the moment its folder is replaced and
 * the next look, such a search fails with a 503.
 * @throws RangeError for a name that no index may have
 */
export function folderStore(folders: IndexFolders): Store {
  const watched = new Map<string, WatchedFolder>();
  for (const [name, folder] of foldersByName(folders)) watched.set(pointerKey(name), new WatchedFolder(folder));
  return {
    name: "the index folder",
    getText: async (key) => (await watched.get(key)?.look()) ?? null,
    async getBytes(key) {
      for (const folder of watched.values()) {
        const bytes = await folder.read(key);
        if (bytes !== undefined) return bytes;
      }
      return null;
    },
  };
}

/** One version of a folder. */
interface Version {
  readonly pointer: string;
  readonly publishedAt: number;
  readonly manifestKey: string;
  readonly manifestBytes: Uint8Array;
  /** Artifact keys of the chunks, by their keys in a store. */
  readonly chunks: ReadonlyMap<string, string>;
  readonly source: ChunkSource;
}

/** @throws ReadError for what is not there, and else what was thrown */
function tellMissing(error: unknown): never {
  const cause = error instanceof UserError ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  throw cause?.code === "ENOENT" ? new ReadError("missing", messageOf(error), { cause: error }) : error;
}

class WatchedFolder {
  readonly #folder: IndexFolder;
  #stamp = "";
  /** Newest first. Of an index and changes to it, an earlier version has files that are still there. */
  #versions: Version[] = [];

  constructor(folder: IndexFolder) {
    this.#folder = folder;
  }

  /**
   * The pointer to what is in the folder now.
   * @throws UserError when that is no index
   */
  async look(): Promise<string> {
    const stamp = await this.#stampOf();
    const [newest] = this.#versions;
    if (newest !== undefined && stamp === this.#stamp) return newest.pointer;
    const version = await this.#open();
    if (version.manifestKey !== newest?.manifestKey) this.#versions = [version, ...this.#versions.slice(0, 1)];
    this.#stamp = stamp;
    return this.#versions[0]!.pointer;
  }

  /**
   * The value of a key, if it is one of this folder's.
   * @throws ReadError for a file that is gone, UserError for one that cannot be read
   */
  async read(key: string): Promise<Uint8Array | undefined> {
    for (const { manifestKey, manifestBytes, chunks, source } of this.#versions) {
      if (key === manifestKey) return new Uint8Array(manifestBytes);
      const chunk = chunks.get(key);
      if (chunk === undefined) continue;
      const bytes = await source.get(chunk).catch(tellMissing);
      // Whoever gets it may free its memory, which small files may share in Node.
      return bytes.length === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
    }
    return undefined;
  }

  /** Differs when a manifest was written anew; empty parts for what is not there. */
  async #stampOf(): Promise<string> {
    const { directory, delta } = this.#folder;
    const stamps = [directory, ...(delta === undefined ? [] : [delta])].map(async (folder) => {
      const file = await stat(join(folder, "manifest.json")).catch(() => undefined);
      return file && [file.ino, file.size, file.mtimeMs].join();
    });
    return (await Promise.all(stamps)).join(" ");
  }

  async #open(): Promise<Version> {
    const { directory, delta } = this.#folder;
    // Older files may take the place of newer ones, and are what is served from then on.
    const earliest = (this.#versions[0]?.publishedAt ?? Number.NEGATIVE_INFINITY) + 1;
    return naming(delta === undefined ? directory : `${directory} with ${delta}`, async () => {
      const { manifestBytes, source } = await readFolders(directory, delta);
      const manifest = await openManifest(manifestBytes);
      const { version } = manifest;
      const chunks = await listChunks(manifest, source);
      const { mtime } = await stat(join(delta ?? directory, "manifest.json"));
      const publishedAt = Math.max(mtime.getTime(), earliest);
      const written = new Date(publishedAt).toISOString();
      return {
        pointer: formatPointer({ version, manifestKey: manifestKey(version), publishedAt: written }),
        publishedAt,
        manifestKey: manifestKey(version),
        manifestBytes,
        chunks: new Map(chunks.map(({ key }) => [chunkKey(key), key])),
        source,
      };
    });
  }
}
