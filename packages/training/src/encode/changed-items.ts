import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "@poeem/offline/errors";
import { readBytes, readVectors } from "@poeem/offline/files";
import { type Index, InputError, type ItemId, idFault } from "@poeem/pq-core";
import { toIds } from "@poeem/pq-core/write";
import { encodeBy } from "../artifact/finished-codes.ts";
import { ITEM_TOWER_FILE, openItemTowerFile, type TrainedItemTower } from "../artifact/item-tower-file.ts";
import { hasContent } from "../config/kinds.ts";
import { type PoeemConfig, readConfig } from "../config.ts";
import type { FieldKinds } from "../data/items.ts";
import type { ItemTable } from "../data/types.ts";
import { changedWords } from "./changed-words.ts";
import { checkLengths, embedItems } from "./embed-items.ts";
import { type GivenIds, readIdAt, readIds, rowsById } from "./read-ids.ts";
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
  const config = configOf(index, options.index);
  const { ids: itemIds, items: table, ...values } = await readItemsFile(items, config, fieldKindsOf(index));
  const own = itemIds.map((id, i) => readIdAt(id, index, "items", `${items} row ${i + 1}`));
  // two spellings of one
  rowsById(items, itemIds, index.manifest.idType);
  const tower = await readTower(index, options.index);
  if (tower && vectors === undefined) checkLengths(items, tower.weights, table);
  const embedded =
    vectors === undefined
      ? embed(tower, options.index, config, own.map(String), table)
      : await readCount(index, vectors, itemIds.length, items);
  const codes = await encodeBy({ ...tower, codebook: index.codebook }, embedded);
  const words = await changedWords(index, own, table, tower, say);
  return { ids: toIds(own, index.manifest.idType), ...values, ...codes, ...words };
}

/** The item tower that the index was trained with, if it is there. */
async function readTower({ manifest }: Index, directory: string): Promise<TrainedItemTower | undefined> {
  const file = join(directory, ITEM_TOWER_FILE);
  if (!existsSync(file)) return undefined;
  const tower = openItemTowerFile(file, await readBytes(file));
  const { width } = tower.weights;
  if (width !== manifest.dim) throw new UserError(`item tower ${file}: expected dim ${manifest.dim}, got ${width}`);
  return tower;
}

/** The trained item tower's vectors; never junk for items of which it knows nothing. */
function embed(
  tower: TrainedItemTower | undefined,
  directory: string,
  config: PoeemConfig,
  ids: readonly string[],
  items: ItemTable,
): Float32Array {
  if (tower === undefined)
    throw new UserError(`index ${directory}: no item tower in it (${ITEM_TOWER_FILE}); train again, or give --vectors`);
  const { vectors, nothingKnown } = embedItems(tower.weights, config, ids, items);
  if (nothingKnown.length === 0) return vectors;
  const some =
    `${nothingKnown.length} new item${nothingKnown.length > 1 ? "s" : ""} ` +
    `(${nothingKnown.slice(0, 3).join(", ")}${nothingKnown.length > 3 ? ", …" : ""})`;
  throw new UserError(
    !hasContent(config.items)
      ? `the item tower of ${directory} reads nothing but ids, so it cannot encode ${some}; train with items.text, ` +
          `items.categories, items.inputs or items.embeddings, or give --vectors`
      : `${some} have no word, category or number that the item tower knows; give --vectors, or train again`,
  );
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
  const tower = await readTower(index, directory);
  const words = await changedWords(index, ids, undefined, tower, say);
  if (words.words) say("--ids: these items have no texts, so of words they are found by their ids alone");
  const codes = await encodeBy({ ...tower, codebook: index.codebook }, given);
  return { ids: toIds(ids, index.manifest.idType), ...codes, ...words };
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

/** The configuration that the index was trained with. */
function configOf({ manifest }: Index, directory: string): PoeemConfig {
  const config = (manifest.training as { config?: unknown } | undefined)?.config;
  if (config === undefined)
    throw new UserError(`index ${directory} was not trained by \`poeem train\`: give --vectors and --ids`);
  return readConfig(config, `index ${directory}`);
}

/** Kinds of the index's fields; undefined in an index of an earlier release. */
const fieldKindsOf = ({ manifest }: Index): FieldKinds | undefined =>
  (manifest.training as { fieldKinds?: FieldKinds } | undefined)?.fieldKinds;
