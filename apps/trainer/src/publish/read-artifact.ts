import { createHash } from "node:crypto";
import { type ArtifactChunk, type Manifest, openArtifact } from "@poeem/pq-core";
import { openQueryTower } from "@poeem/query-tower";
import { directorySource, readManifestBytes } from "../artifact/directory.ts";
import { messageOf, UserError } from "../errors.ts";

/** An artifact read from its folder, every chunk checked against the manifest. */
export interface CheckedArtifact {
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  readonly chunks: readonly ArtifactChunk[];
}

/** Reads a whole index folder and refuses it unless every chunk has the size and hash that the manifest says. */
export async function readArtifact(directory: string): Promise<CheckedArtifact> {
  const manifestBytes = await readManifestBytes(directory);
  const source = directorySource(directory);
  const index = await openArtifact(source, manifestBytes);
  const { manifest } = index;
  const tower = await index.queryTower();
  if (tower) {
    try {
      openQueryTower(tower);
    } catch (error) {
      throw new UserError(`index ${directory}: its query tower cannot be read, train again: ${messageOf(error)}`);
    }
  }
  const chunks: ArtifactChunk[] = [];
  for (const entry of manifest.chunks) {
    const bytes = await source.get(entry.key);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    if (sha256 !== entry.sha256) {
      throw new UserError(
        `index ${directory}: chunk ${entry.key} is corrupt: expected SHA-256 ${entry.sha256.slice(0, 12)}…, got ${sha256.slice(0, 12)}…`,
      );
    }
    chunks.push({ key: entry.key, bytes });
  }
  return { manifest, manifestBytes, chunks };
}
