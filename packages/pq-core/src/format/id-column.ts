import { check, INPUT } from "../errors.ts";
import type { SectionWriter } from "./bytes.ts";
import { type IdType, type ItemId, type ItemIds, idTypeOf } from "./ids.ts";
import { sortBytes, sortWords } from "./sort-ids.ts";
import { utf8Length, writeUtf8 } from "./utf8.ts";

/** Ids as their writer needs them: sorted once, as bytes, without an object an id. */
export interface IdColumn {
  readonly type: IdType;
  readonly length: number;
  /** Input positions in the order of the ids, see `compareIds`. */
  readonly byId: Uint32Array;
  idAt(position: number): ItemId;
  /** What an id takes in a page, its offset included. */
  bytesAt(position: number): number;
  /** Writes the ids at these positions as a section of a page. */
  write(writer: SectionWriter, positions: Uint32Array): void;
}

/** @throws InputError for an id that is no string, or that comes twice */
export function idColumn(ids: ItemIds): IdColumn {
  const type = idTypeOf(ids);
  const column = type === "string" ? stringColumn(ids as readonly string[]) : numberColumn(ids as Uint32Array, type);
  const { byId } = column;
  let repeated = ids.length;
  for (let rank = 1; rank < byId.length; rank++) {
    // equal ids keep their order, so that this finds the second of them
    if (ids[byId[rank]!] === ids[byId[rank - 1]!]) repeated = Math.min(repeated, byId[rank]!);
  }
  if (repeated < ids.length) check(false, `ids[${repeated}]`, "unique ids", ids[repeated], INPUT);
  return { ...column, type, length: ids.length, idAt: (position) => ids[position]! };
}

type Column = Pick<IdColumn, "byId" | "bytesAt" | "write">;

function numberColumn(ids: Uint32Array | BigUint64Array, type: IdType): Column {
  const perId = type === "u32" ? 1 : 2;
  const words = new Uint32Array(ids.buffer, ids.byteOffset, ids.length * perId);
  return {
    byId: sortWords(words, perId),
    bytesAt: () => 4 * perId,
    write: (writer, positions) => {
      const own = new Uint32Array(positions.length * perId);
      for (let i = 0; i < own.length; i++) own[i] = words[positions[Math.floor(i / perId)]! * perId + (i % perId)]!;
      writer.add(own);
    },
  };
}

function stringColumn(ids: readonly string[]): Column {
  // float64, since all ids together may take more than 4 GiB
  const offsets = new Float64Array(ids.length + 1);
  for (let i = 0; i < ids.length; i++) {
    const id: unknown = ids[i];
    if (typeof id !== "string") check(false, `ids[${i}]`, "a string", id, INPUT);
    offsets[i + 1] = offsets[i]! + utf8Length(id);
  }
  const bytes = new Uint8Array(offsets[ids.length]!);
  for (let i = 0; i < ids.length; i++) writeUtf8(ids[i]!, bytes, offsets[i]!, offsets[i + 1]! - offsets[i]!);
  return {
    byId: sortBytes(bytes, offsets),
    bytesAt: (position) => 4 + offsets[position + 1]! - offsets[position]!,
    write: (writer, positions) => {
      const ends = new Uint32Array(positions.length + 1);
      positions.forEach((position, i) => {
        ends[i + 1] = ends[i]! + offsets[position + 1]! - offsets[position]!;
      });
      const own = new Uint8Array(ends[positions.length]!);
      positions.forEach((position, i) => {
        for (let at = ends[i]!, from = offsets[position]!; at < ends[i + 1]!; ) own[at++] = bytes[from++]!;
      });
      writer.add(ends);
      writer.add(own);
    },
  };
}
