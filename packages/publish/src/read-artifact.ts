import { createHash } from "node:crypto";
import { messageOf, UserError } from "@poeem/offline/errors";
import { readFolders } from "@poeem/offline/index-folder/read";
import { listChunks, type Manifest, openArtifact, scalarKernel } from "@poeem/pq-core";
import { openQueryTower } from "@poeem/towers";

/** An artifact checked against its manifest. Chunks are read when wanted: an index may exceed memory. */
export interface CheckedArtifact {
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  /** Bytes of the chunk with this artifact key. */
  read(key: string): Promise<Uint8Array>;
}

/**
 * Reads a whole index folder and refuses it unless every chunk has the size and hash that the manifest says.
 *
 * @param changes folder of changes over it, which `poeem encode` wrote
 */
export async function readArtifact(directory: string, changes?: string): Promise<CheckedArtifact> {
  const { source, manifestBytes } = await readFolders(directory, changes);
  const index = await openArtifact(source, manifestBytes, { kernel: scalarKernel });
  const { manifest } = index;
  const tower = await index.queryTower();
  if (tower) {
    try {
      openQueryTower(tower);
    } catch (error) {
      throw new UserError(`index ${directory}: its query tower cannot be read, train again: ${messageOf(error)}`);
    }
  }
  const chunks = await listChunks(manifest, source);
  const sha256Of = new Map(chunks.map(({ key, sha256 }) => [key, sha256]));
  const read = async (key: string): Promise<Uint8Array> => {
    const bytes = await source.get(key);
    const [expected, got] = [sha256Of.get(key) ?? "no such chunk", sha256(bytes)];
    if (got !== expected) {
      const hashes = `expected SHA-256 ${expected.slice(0, 12)}…, got ${got.slice(0, 12)}…`;
      throw new UserError(`index ${directory}: chunk ${key} is corrupt: ${hashes}`);
    }
    return bytes;
  };
  for (const { key } of chunks) await read(key);
  return { manifest, manifestBytes, read };
}

/** SHA-256 as 64 hex digits. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
