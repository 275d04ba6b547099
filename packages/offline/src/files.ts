import { constants, type Stats, statSync } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf, UserError } from "./errors.ts";

/** What an array of bytes holds everywhere. */
const MAX_BYTES = 2 ** 31 - 1;
/** Of JSON that a person or a command wrote. */
const MAX_JSON_BYTES = 64 * 1024 * 1024;

/**
 * A file's bytes as a plain array.
 * @param most a larger file is refused before any of it is read
 * @throws UserError that names the file, for what is no regular file too
 */
export async function readBytes(file: string, most?: number): Promise<Uint8Array> {
  try {
    return await readRegular(file, most);
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** A file of JSON, parsed. @throws UserError that names the file */
export async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(new TextDecoder().decode(await readRegular(file, MAX_JSON_BYTES)));
  } catch (error) {
    throw new UserError(`${file} cannot be read as JSON: ${messageOf(error)}`);
  }
}

/**
 * As {@link readBytes}, for who tells errors of the system apart.
 * @throws Error of the system, or one that says what the file is, or how large
 */
export async function readRegular(file: string, most = MAX_BYTES): Promise<Uint8Array> {
  const handle = await openRegular(file);
  try {
    const { size } = await handle.stat();
    if (size > most) throw new Error(`expected at most ${most} bytes, got ${size}`);
    return await readFrom(handle, size);
  } finally {
    await handle.close();
  }
}

/** The first bytes of a file, fewer where it has fewer. @throws UserError that names the file */
export async function readStart(file: string, bytes: number): Promise<Uint8Array> {
  try {
    const handle = await openRegular(file);
    return await readFrom(handle, bytes).finally(() => handle.close());
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${messageOf(error)}`);
  }
}

/**
 * Opens a file to read it, and nothing but a file: without waiting, as a FIFO without a writer would keep it for ever.
 * @throws Error of the system, or one that says what it is
 */
export async function openRegular(file: string): Promise<FileHandle> {
  const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  const stats = await handle.stat();
  if (stats.isFile()) return handle;
  await handle.close();
  throw new Error(`expected a file, got ${kindOf(stats)}`);
}

/**
 * What a path is that is there and no file, as errors call it, for files that others open, who might wait for ever.
 * Undefined for a file, and where there is nothing.
 */
export function otherThanFile(path: string): string | undefined {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats === undefined || stats.isFile() ? undefined : kindOf(stats);
  } catch {
    // What cannot be looked at is not there for whoever reads it either, and says why.
    return undefined;
  }
}

/** Fewer bytes than asked for where the file ends. */
async function readFrom(handle: FileHandle, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let length = 0;
  for (let got = -1; got !== 0 && length < size; length += got)
    got = (await handle.read(bytes, length, size - length, length)).bytesRead;
  return length === size ? bytes : bytes.slice(0, length);
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "a folder";
  if (stats.isFIFO()) return "a FIFO";
  return stats.isSocket() ? "a socket" : "a device";
}

/** Writes a file beside its target first and renames it into place, so that a half-written one is never seen. */
export async function writeBytes(file: string, bytes: Uint8Array): Promise<void> {
  const staging = `${file}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(staging, bytes);
    await rename(staging, file);
  } catch (error) {
    await rm(staging, { force: true });
    throw new UserError(`${file} cannot be written: ${messageOf(error)}`);
  }
}

/** A file of little-endian float32 vectors, (count, dim). */
export async function readVectors(file: string, dim: number): Promise<Float32Array> {
  const bytes = await readBytes(file);
  if (bytes.length === 0 || bytes.length % (4 * dim) !== 0) {
    throw new UserError(
      `${file}: expected a multiple of ${4 * dim} bytes (${dim} float32 per vector), got ${bytes.length}`,
    );
  }
  const vectors = new Float32Array(bytes.length / 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < vectors.length; i++) vectors[i] = view.getFloat32(4 * i, true);
  const wrong = vectors.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0)
    throw new UserError(`${file}: expected finite numbers, got ${vectors[wrong]} in vector ${Math.floor(wrong / dim)}`);
  return vectors;
}
