import { existsSync } from "node:fs";
import { access, constants, cp, mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Artifact, ChunkSource } from "@poeem/pq-core";
import { FORMAT_VERSION, MAX_CHUNK_BYTES, MAX_MANIFEST_BYTES } from "@poeem/pq-core/write";
import { messageOf, UserError } from "../errors.ts";
import { readBytes, readRegular } from "../files.ts";
import { hasIndexManifest, MANIFEST, strangersIn } from "./own-files.ts";

/**
 * Refuses a target that an index could not be written to, or that has anything in it that no command put there. Called
 * before any work is done.
 */
export async function checkIndexTarget(target: string): Promise<void> {
  const path = resolve(target);
  await prepareTarget(target, path);
  const strangers = await strangersAt(target, path);
  if (strangers.length === 0) return;
  const isIndex = await hasIndexManifest(path);
  const named = `${strangers.slice(0, 2).join(" and ")}${strangers.length > 2 ? ", …" : ""}`;
  const expected = isIndex ? "an index folder with nothing else in it" : "an index folder, an empty one or nothing";
  throw new UserError(`--out ${target}: expected ${expected}, got a folder with ${named}`);
}

async function prepareTarget(target: string, path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await access(dirname(path), constants.W_OK);
    await clearLeftovers(path);
  } catch (error) {
    throw new UserError(`--out ${target}: its folder cannot be written to: ${messageOf(error)}`);
  }
}

/** What is in the target that is none of an index; a `manifest.json` of something else is that too. */
async function strangersAt(target: string, path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return [];
  if (!found.isDirectory()) throw new UserError(`--out ${target}: expected a folder or nothing, got a file`);
  try {
    const strangers = await strangersIn(path);
    const isForeign = existsSync(join(path, MANIFEST)) && !(await hasIndexManifest(path));
    return isForeign ? [`another ${MANIFEST}`, ...strangers] : strangers;
  } catch (error) {
    throw new UserError(`--out ${target}: expected an index folder or nothing, got ${messageOf(error)}`);
  }
}

/**
 * Writes an artifact, and files beside it that are not published, as one folder; see {@link writeIndexFolder}.
 *
 * @returns bytes of the artifact
 */
export async function writeIndexDirectory(
  target: string,
  artifact: Artifact,
  extras: Readonly<Record<string, Uint8Array>> = {},
): Promise<number> {
  return writeIndexFolder(target, async (put) => {
    for (const { key, bytes } of artifact.chunks) await put(key, bytes);
    for (const [name, bytes] of Object.entries(extras)) await put(name, bytes);
    await put(MANIFEST, artifact.manifestBytes);
    return artifact.chunks.reduce((sum, { bytes }) => sum + bytes.length, artifact.manifestBytes.length);
  });
}

/**
 * Writes an index as one folder: everything goes into a new folder next to the target, which takes the target's place
 * in a rename. Whatever goes wrong before that, the previous folder stays. What somebody has put into it since
 * `checkIndexTarget` comes along.
 *
 * @param write puts files into the folder, by their names below it; the manifest last
 */
export async function writeIndexFolder<T>(
  target: string,
  write: (put: (name: string, bytes: Uint8Array) => Promise<void>) => Promise<T>,
): Promise<T> {
  const path = resolve(target);
  await prepareTarget(target, path);
  const strangers = await strangersAt(target, path);
  let staging: string | undefined;
  try {
    const folder = leftover(path, process.pid, "new");
    staging = folder;
    await mkdir(folder);
    const written = await write(async (name, bytes) => {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), bytes);
    });
    for (const name of strangers) await cp(join(path, name), join(folder, name), { recursive: true });
    await replaceDirectory(folder, path);
    return written;
  } catch (error) {
    if (staging) await rm(staging, { recursive: true, force: true });
    throw error instanceof UserError
      ? error
      : new UserError(`cannot write the index to ${target}: ${messageOf(error)}`);
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
      if (kind === "previous" && !existsSync(path)) await rename(left, path);
      else await rm(left, { recursive: true, force: true });
    }
  }
}

/** Whether another process with this number runs. */
export function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // it is there and belongs to somebody else
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
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
  return { get: (key) => readBytes(join(directory, key), MAX_CHUNK_BYTES) };
}

/** The manifest's bytes. Throws a `UserError` that tells an absent index from an unreadable one. */
export async function readManifestBytes(directory: string): Promise<Uint8Array> {
  try {
    const bytes = await readRegular(join(directory, MANIFEST), MAX_MANIFEST_BYTES).catch((error: unknown) => {
      throw (error as NodeJS.ErrnoException).code === undefined
        ? new UserError(`index ${directory}: ${MANIFEST} ${messageOf(error)}`)
        : error;
    });
    refuseNewer(directory, bytes);
    return bytes;
  } catch (error) {
    if (error instanceof UserError) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      throw new UserError(`no index in ${directory}: ${MANIFEST} not found; \`poeem train\` makes one`);
    }
    throw new UserError(`index ${directory}: ${messageOf(error)}`);
  }
}

/** A later version may have changed anything, so that the first difference to be found says nothing. */
function refuseNewer(directory: string, bytes: Uint8Array): void {
  const version = /"formatVersion"\s*:\s*(\d+)/.exec(Buffer.from(bytes).toString("latin1"))?.[1];
  if (Number(version) > FORMAT_VERSION)
    throw new UserError(
      `index ${directory}: format ${version} is newer than this poeem reads (${FORMAT_VERSION}); update @poeem/trainer`,
    );
}
