import { UserError } from "@poeem/offline/errors";
import { readVectors } from "@poeem/offline/files";
import { counted } from "@poeem/offline/progress";
import { type Index, InputError, type ItemId, idFault } from "@poeem/pq-core";
import { toIds } from "@poeem/pq-core/write";
import { ITEM_TOWER_FILE } from "../artifact/item-tower-file.ts";
import { ItemEncoder, refuseUnknown } from "./item-encoder.ts";
import { type GivenIds, readIds, rowsById } from "./read-ids.ts";
import { readItemsFile } from "./read-items.ts";

export interface ChangedItemsOptions {
  readonly index: string;
  readonly items?: string;
  readonly vectors?: string;
  readonly ids?: GivenIds;
}

/**
 * New and changed items as `writeDelta` takes them: their vectors, from a file or the trained item tower, become codes
 * of the index's own codebook.
 *
 * @returns undefined when the options name no items
 */
export async function readChangedItems(
  index: Index,
  options: ChangedItemsOptions,
  say: (line: string) => void = () => undefined,
) {
  const { items, ids, vectors } = options;
  if (items !== undefined && ids !== undefined)
    throw new UserError("--ids: the ids come from --items; give one of them");
  if (ids !== undefined) {
    if (vectors === undefined) throw new UserError("--ids: expected --vectors beside it");
    return withIds(index, options.index, await readIds(index, "ids", ids), vectors, say);
  }
  if (items === undefined) {
    if (vectors !== undefined) throw new UserError("--vectors: expected --items or --ids beside it");
    return undefined;
  }
  const encoder = await ItemEncoder.open(index, options.index);
  const config = encoder.config();
  const read = await readItemsFile(items, config, encoder.fieldKinds());
  // two spellings of one
  rowsById(items, read.ids, index.manifest.idType);
  const given = vectors === undefined ? undefined : await readCount(index, vectors, read.ids.length, items);
  const { ids: own, nothingKnown, ...encoded } = await encoder.encode(items, read, config, given);
  refuseUnknown(
    nothingKnown.map((i) => own[i]!),
    config,
    options.index,
  );
  const lost = await encoder.lostQueries(own);
  const verb = lost === 1 ? "loses the words of its" : "lose the words of their";
  if (lost > 0) say(`without ${ITEM_TOWER_FILE}, ${counted(lost, "changed item")} ${verb} training queries`);
  const { fields, facets, numbers } = read;
  return { ids: toIds(own, index.manifest.idType), fields, facets, numbers, ...encoded };
}

/** Items that are no more than an id and a vector. */
async function withIds(index: Index, directory: string, ids: ItemId[], vectors: string, say: (line: string) => void) {
  const { hasFields, chunks } = index.manifest;
  if (hasFields || chunks.some(({ kind }) => kind === "filters"))
    throw new UserError("--ids: this index has fields or filters of its items, so new ones need them too; use --items");
  for (const id of ids) {
    const fault = idFault(String(id));
    if (fault !== undefined) throw new InputError("ids", fault);
  }
  const given = await readCount(index, vectors, ids.length, "--ids");
  const encoder = await ItemEncoder.open(index, directory);
  const { ids: own, nothingKnown, ...encoded } = await encoder.encodeVectors(ids, given);
  if (encoded.words) say("--ids: these items have no texts, so of words they are found by their ids alone");
  return { ids: toIds(own, index.manifest.idType), ...encoded };
}

async function readCount(index: Index, file: string, expected: number, of: string): Promise<Float32Array> {
  const { dim } = index.manifest;
  const vectors = await readVectors(file, dim);
  if (vectors.length !== expected * dim)
    throw new UserError(
      `${file}: expected ${expected} vectors, one per item of ${of}, got ${vectors.length / dim} of dim ${dim}, ` +
        "that of the index",
    );
  return vectors;
}
