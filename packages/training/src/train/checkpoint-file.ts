import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { messageOf, UserError } from "@poeem/offline/errors";
import { openRegular } from "@poeem/offline/files";
import type { State, StateValue } from "../state.ts";

/**
 * One checkpoint on disk, little-endian: magic, version, length of the header; the header as JSON, which names the
 * arrays in the order they follow; the arrays, each starting on a multiple of 8; the CRC-32 of everything before it.
 */
const MAGIC = "POEEMCKP";
const VERSION = 1;
const ALIGNMENT = 8;
const PREFIX_BYTES = 16;
// One write of more than 2 GiB is more than some systems take.
const SLICE_BYTES = 1 << 26;

const ARRAYS = { Float32Array, Float64Array, Uint32Array, Uint8Array } as const;
type ArrayName = keyof typeof ARRAYS;

interface Header<Facts> {
  readonly facts: Facts;
  readonly entries: readonly ({ name: string; number: number } | { name: string; type: ArrayName; length: number })[];
}

/** Writes a checkpoint and waits until it is on the disk itself. */
export async function writeCheckpointFile(file: string, facts: unknown, state: State): Promise<void> {
  const handle = await open(file, "w");
  try {
    const header: Header<unknown> = { facts, entries: Object.entries(state).map(entryOf) };
    const json = new TextEncoder().encode(JSON.stringify(header));
    const prefix = new Uint8Array(PREFIX_BYTES);
    prefix.set(new TextEncoder().encode(MAGIC));
    const view = new DataView(prefix.buffer);
    view.setUint32(8, VERSION, true);
    view.setUint32(12, json.length, true);
    let crc = 0;
    const write = async (bytes: Uint8Array): Promise<void> => {
      for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
        const slice = bytes.subarray(at, at + SLICE_BYTES);
        crc = crc32(slice, crc);
        await handle.writeFile(slice);
      }
    };
    const pad = (length: number): Promise<void> => write(new Uint8Array(padding(length)));
    await write(prefix);
    await write(json);
    await pad(PREFIX_BYTES + json.length);
    for (const value of Object.values(state)) {
      if (typeof value === "number") continue;
      await write(bytesOf(value));
      await pad(value.byteLength);
    }
    const trailer = new Uint8Array(4);
    new DataView(trailer.buffer).setUint32(0, crc, true);
    await handle.writeFile(trailer);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Reads a checkpoint. @throws UserError when it is not one, or was cut short or changed */
export async function readCheckpointFile<Facts>(file: string): Promise<{ facts: Facts; state: State }> {
  const handle = await openRegular(file);
  try {
    const { size } = await handle.stat();
    let crc = 0;
    const read = async (bytes: Uint8Array): Promise<Uint8Array> => {
      for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
        const slice = bytes.subarray(at, at + SLICE_BYTES);
        await readFully(handle, slice);
        crc = crc32(slice, crc);
      }
      return bytes;
    };
    const prefix = await read(new Uint8Array(PREFIX_BYTES));
    const view = new DataView(prefix.buffer);
    if (new TextDecoder().decode(prefix.subarray(0, 8)) !== MAGIC) throw new Error("not a checkpoint");
    if (view.getUint32(8, true) !== VERSION) throw new Error(`version ${view.getUint32(8, true)}, expected ${VERSION}`);
    const headerBytes = view.getUint32(12, true);
    if (headerBytes > size) throw new Error("cut short");
    const header = JSON.parse(new TextDecoder().decode(await read(new Uint8Array(headerBytes)))) as Header<Facts>;
    await read(new Uint8Array(padding(PREFIX_BYTES + headerBytes)));
    const state: Record<string, StateValue> = {};
    for (const entry of header.entries) {
      if ("number" in entry) {
        state[entry.name] = entry.number;
        continue;
      }
      const bytes = entry.length * ARRAYS[entry.type].BYTES_PER_ELEMENT;
      if (bytes > size) throw new Error("cut short");
      const values = new ARRAYS[entry.type](entry.length);
      await read(bytesOf(values));
      await read(new Uint8Array(padding(bytes)));
      state[entry.name] = values;
    }
    const expected = crc;
    const trailer = await read(new Uint8Array(4));
    if (new DataView(trailer.buffer).getUint32(0, true) !== expected) throw new Error("its checksum is wrong");
    return { facts: header.facts, state };
  } catch (error) {
    throw new UserError(`checkpoint ${file} cannot be used: ${messageOf(error)}`);
  } finally {
    await handle.close();
  }
}

function entryOf([name, value]: [string, StateValue]): Header<unknown>["entries"][number] {
  if (typeof value !== "number") return { name, type: value.constructor.name as ArrayName, length: value.length };
  if (!Number.isFinite(value)) throw new Error(`checkpoint "${name}" expected a finite number, got ${value}`);
  return { name, number: value };
}

function bytesOf(array: Exclude<StateValue, number>): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function padding(length: number): number {
  return (ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT;
}

async function readFully(handle: FileHandle, into: Uint8Array): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await handle.read(into, done, into.length - done);
    if (bytesRead === 0) throw new Error("cut short");
    done += bytesRead;
  }
}
