import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { type ChunkSource, type Manifest, openManifest } from "@poeem/pq-core";
import { messageOf, UserError } from "../errors.ts";
import { directorySource, readManifestBytes } from "./write.ts";

/** An index folder, or one with a folder of changes over it: a manifest, and where its chunks come from. */
export interface IndexFolders {
  readonly manifestBytes: Uint8Array;
  readonly source: ChunkSource;
}

/**
 * @param changes folder that `poeem encode` wrote: the manifest, and the chunks that the index folder lacks
 * @throws UserError when it holds no changes, or those of another index
 */
export async function readFolders(directory: string, changes: string | undefined): Promise<IndexFolders> {
  const base = await readManifestBytes(directory);
  if (changes === undefined) return { manifestBytes: base, source: directorySource(directory) };
  const manifestBytes = await readManifestBytes(changes);
  const manifest = await readChanges(changes, manifestBytes);
  const inBase = new Set((await openManifest(base)).chunks.map(({ key }) => key));
  const own = new Set(manifest.chunks.filter(({ delta }) => delta === true).map(({ key }) => key));
  const missing = manifest.chunks.find(({ key }) => !own.has(key) && !inBase.has(key));
  if (missing !== undefined)
    throw new UserError(`--delta ${changes}: expected changes of the index in ${directory}, got those of another one`);
  const [below, above] = [directorySource(directory), directorySource(changes)];
  return { manifestBytes, source: { get: (key) => (own.has(key) ? above : below).get(key) } };
}

/**
 * Refuses a folder that changes could not be written to without losing something: the index itself, another index, or
 * changes that the new ones do not include.
 *
 * @param merged folder of the changes that are included
 */
export async function checkChangesTarget(target: string, directory: string, merged: string | undefined): Promise<void> {
  const isSame = (a: string, b: string): boolean => relative(resolve(a), resolve(b)) === "";
  if (isSame(target, directory)) throw new UserError(`--out ${target}: expected another folder than that of the index`);
  if (!existsSync(join(target, "manifest.json")) || (merged !== undefined && isSame(target, merged))) return;
  await readChanges(target, await readManifestBytes(target), "--out");
  throw new UserError(
    `--out ${target}: holds changes already; keep them with --delta ${target}, or choose another folder`,
  );
}

async function readChanges(folder: string, manifestBytes: Uint8Array, option = "--delta"): Promise<Manifest> {
  const manifest = await openManifest(manifestBytes).catch((error: unknown) => {
    throw new UserError(`${option} ${folder}: ${messageOf(error)}`);
  });
  if (manifest.delta === undefined)
    throw new UserError(`${option} ${folder}: expected a folder of changes that \`poeem encode\` wrote, got an index`);
  return manifest;
}
