import type { Codebook } from "../codebook/codebook.ts";
import { BLOCK, blockBytes, countBlocks } from "../kernel/blocks.ts";
import { checkPayload, SectionReader, SectionWriter } from "./bytes.ts";
import type { NumberedEntry } from "./chunk-cache.ts";
import { type IdReader, type IdType, type ItemIds, readIds, writeIds } from "./ids.ts";

/** Codes of the items on a page of lists, and their ids where the page has them. */
export interface ListsPage {
  /** Blocks one after another; lane 0 of the first is the first item of the page. */
  readonly blocks: Uint8Array;
  readonly id: IdReader | undefined;
}

/** How the lists of an index lie on pages. */
export interface ListsLayout {
  /** Ids lie beside the codes, and a page begins with an item of its own; else with a block, and has no ids. */
  readonly idType: IdType | undefined;
}

export function writeListsPage(blocks: Uint8Array, ids: ItemIds): Uint8Array {
  const writer = new SectionWriter();
  writer.add(blocks);
  writeIds(writer, ids);
  return writer.bytes();
}

/** Ordinals on a page: [start, end); the last page of blocks has lanes beyond the items. */
export function rangeOf(
  { entry: { first, count } }: NumberedEntry,
  { idType }: ListsLayout,
): { start: number; end: number } {
  const unit = idType === undefined ? BLOCK : 1;
  return { start: first * unit, end: (first + count) * unit };
}

/** @throws FormatError unless a page has what its entry says */
export function readListsPage(
  numbered: NumberedEntry,
  payload: Uint8Array,
  codebook: Codebook,
  { idType }: ListsLayout,
): ListsPage {
  const where = `chunk ${numbered.entry.key}`;
  const { count } = numbered.entry;
  if (idType === undefined) {
    checkPayload(where, count * blockBytes(codebook), payload);
    return { blocks: payload, id: undefined };
  }
  const reader = new SectionReader(where, payload);
  const blocks = reader.u8("blocks", countBlocks(count) * blockBytes(codebook));
  const id = readIds(reader, where, count, idType);
  reader.end();
  return { blocks, id };
}
