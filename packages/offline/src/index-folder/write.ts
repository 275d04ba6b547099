import { access, constants, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Artifact, ChunkSource } from "@poeem/pq-core";
import { messageOf, UserError } from "../errors.ts";
import { readBytes } from "../files.ts";

const MANIFEST = "manifest.json";

/**
 * Refuses a target that an index could not be written to, or that writing would destroy: a folder with other things in
 * it. Called before any work is done, and again before the target is replaced.
 */
export async function checkIndexTarget(target: string): Promise<void> {
  const path = resolve(target);
  try {
    await mkdir(dirname(path), { recursive: true });
    await access(dirname(path), constants.W_OK);
    await clearLeftovers(path);
  } catch (error) {
    throw new UserError(`--out ${target}: its folder cannot be written to: ${messageOf(error)}`);
  }
  let names: string[];
  try {
    names = await readdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw new UserError(`--out ${target}: expected an index folder or nothing, got ${messageOf(error)}`);
  }
  if (names.length > 0 && !names.includes(MANIFEST)) {
    throw new UserError(
      `--out ${target}: expected an index folder, an empty one or nothing, got a folder with ${names[0]}`,
    );
  }
}

/** What an artifact weighs, manifest included. */
export function artifactBytes({ chunks, manifestBytes }: Pick<Artifact, "chunks" | "manifestBytes">): number {
  return chunks.reduce((sum, { bytes }) => sum + bytes.length, manifestBytes.length);
}

/**
 * Writes an artifact, and files beside it that are not published, as one folder: everything goes into a new folder next
 * to the target, which takes the target's place in a rename. Whatever goes wrong before that, the previous folder
 * stays.
 */
export async function writeIndexDirectory(
  target: string,
  artifact: Artifact,
  extras: Readonly<Record<string, Uint8Array>>,
): Promise<void> {
  await checkIndexTarget(target);
  const path = resolve(target);
  let staging: string | undefined;
  try {
    staging = leftover(path, process.pid, "new");
    await mkdir(staging);
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

type LeftoverKind = "new" | "previous";

/** Where an index lies while process `pid` writes it, and where the one before it lies while they change places. */
function leftover(path: string, pid: number, kind: LeftoverKind): string {
  return join(dirname(path), `.${basename(path)}-${pid}.${kind}`);
}

/**
 * Tidies up after processes that were killed while they wrote to `path`; an index that had stepped aside comes back.
 */
async function clearLeftovers(path: string): Promise<void> {
  for (const name of await readdir(dirname(path))) {
    const pid = Number(/-(\d+)\.(?:new|previous)$/.exec(name)?.[1]);
    for (const kind of ["previous", "new"] as const) {
      const left = leftover(path, pid, kind);
      if (basename(left) !== name || isAlive(pid)) continue;
      if (kind === "previous" && !(await exists(path))) await rename(left, path);
      else await rm(left, { recursive: true, force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // it is there and belongs to somebody else
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function replaceDirectory(staging: string, path: string): Promise<void> {
  // POSIX renames over an empty folder only, so a full one steps aside first and comes back should the second rename
  // fail.
  const aside = leftover(path, process.pid, "previous");
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
  // the new index stands; a leftover of the old one is untidy, not an error
  if (existed) await rm(aside, { recursive: true, force: true }).catch(() => undefined);
}

/** The chunks of an index folder. */
export function directorySource(directory: string): ChunkSource {
  return { get: (key) => readBytes(join(directory, key)) };
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
