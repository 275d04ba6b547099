import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf, UserError } from "./errors.ts";

/** A file's bytes as a plain array. Throws a `UserError` that names the file. */
export async function readBytes(file: string): Promise<Uint8Array> {
  try {
    // not the Buffer itself: it overrides methods (slice) that readers of binary formats use
    const { buffer, byteOffset, byteLength } = await readFile(file);
    return new Uint8Array(buffer, byteOffset, byteLength);
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${messageOf(error)}`);
  }
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
