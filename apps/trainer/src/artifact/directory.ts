import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Artifact, ChunkSource } from "@poeem/pq-core";
import { messageOf, UserError } from "../errors.ts";

const MANIFEST = "manifest.json";

/**
 * Writes an artifact, and files beside it that are not published, as one folder: everything goes into a new folder next
 * to the target, which takes the target's place in a rename. Whatever goes wrong before that, the previous folder stays.
 */
export async function writeIndexDirectory(
  target: string,
  artifact: Artifact,
  extras: Readonly<Record<string, Uint8Array>>,
): Promise<void> {
  const path = resolve(target);
  let staging: string | undefined;
  try {
    await mkdir(dirname(path), { recursive: true });
    staging = await mkdtemp(join(dirname(path), `.${basename(path)}-`));
    for (const { key, bytes } of artifact.chunks) await writeFile(join(staging, key), bytes);
    for (const [name, bytes] of Object.entries(extras)) {
      await mkdir(dirname(join(staging, name)), { recursive: true });
      await writeFile(join(staging, name), bytes);
    }
    await writeFile(join(staging, MANIFEST), artifact.manifestBytes);
    await replaceDirectory(staging, path);
  } catch (error) {
    if (staging) await rm(staging, { recursive: true, force: true });
    throw new UserError(`cannot write the index to ${target}: ${messageOf(error)}`);
  }
}

async function replaceDirectory(staging: string, path: string): Promise<void> {
  // POSIX renames over an empty folder only, so a full one steps aside first and comes back should the second rename fail.
  const aside = `${staging}-previous`;
  const existed = await rename(path, aside).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return false;
      throw error;
    },
  );
  try {
    await rename(staging, path);
  } catch (error) {
    if (existed) await rename(aside, path);
    throw error;
  }
  if (existed) await rm(aside, { recursive: true, force: true });
}

/** The chunks of an index folder. */
export function directorySource(directory: string): ChunkSource {
  return {
    async get(key) {
      const path = join(directory, key);
      try {
        // a plain array: Buffer overrides methods (slice) that the readers of chunks use
        const { buffer, byteOffset, byteLength } = await readFile(path);
        return new Uint8Array(buffer, byteOffset, byteLength);
      } catch (error) {
        throw new UserError(`index ${directory}: chunk ${key} cannot be read: ${messageOf(error)}`);
      }
    },
  };
}

/** The manifest's bytes. Throws a `UserError` that tells an absent index from an unreadable one. */
export async function readManifestBytes(directory: string): Promise<Uint8Array> {
  try {
    return await readFile(join(directory, MANIFEST));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      throw new UserError(`no index in ${directory}: ${MANIFEST} not found; \`poeem train\` makes one`);
    }
    throw new UserError(`index ${directory}: ${messageOf(error)}`);
  }
}
