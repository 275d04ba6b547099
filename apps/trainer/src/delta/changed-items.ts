import { encode, type Index, type ItemIds } from "@poeem/pq-core";
import { type PoeemConfig, resolveConfig } from "../config.ts";
import { UserError } from "../errors.ts";
import { readVectors } from "../files.ts";
import { readIds } from "./read-ids.ts";
import { readItemsFile } from "./read-items.ts";

export interface ChangedItemsOptions {
  readonly index: string;
  readonly items?: string;
  readonly vectors?: string;
  readonly ids?: string;
}

/**
 * New and changed items as `writeDelta` takes them: their vectors, from a file or the trained item tower, become codes
 * of the index's own codebook.
 *
 * @returns undefined when the options name no items
 */
export async function readChangedItems(index: Index, options: ChangedItemsOptions) {
  const { items, ids, vectors } = options;
  if (items !== undefined && ids !== undefined)
    throw new UserError("--ids: the ids come from --items; give one of them");
  if (ids !== undefined) {
    if (vectors === undefined) throw new UserError("--ids: expected --vectors beside it");
    return withIds(index, await readIds("--ids", ids), vectors);
  }
  if (items === undefined) {
    if (vectors !== undefined) throw new UserError("--vectors: expected --items or --ids beside it");
    return undefined;
  }
  const config = configOf(index, options.index);
  const { ids: itemIds, items: table, ...values } = await readItemsFile(items, config);
  const read = await readCount(index, vectors!, itemIds.length, items);
  return { ids: typedIds(itemIds, index), ...values, ...encode(index.codebook, read) };
}

/** Items that are no more than an id and a vector. */
async function withIds(index: Index, ids: string[], vectors: string) {
  const { hasFields, chunks } = index.manifest;
  if (hasFields || chunks.some(({ kind }) => kind === "filters"))
    throw new UserError("--ids: this index has fields or filters of its items, so new ones need them too; use --items");
  return { ids: typedIds(ids, index), ...encode(index.codebook, await readCount(index, vectors, ids.length, "--ids")) };
}

async function readCount(index: Index, file: string, expected: number, of: string): Promise<Float32Array> {
  const { dim } = index.manifest;
  const vectors = await readVectors(file, dim);
  if (vectors.length !== expected * dim)
    throw new UserError(`${file}: expected ${expected} vectors, one an item of ${of}, got ${vectors.length / dim}`);
  return vectors;
}

/** The configuration that the index was trained with. */
function configOf({ manifest }: Index, directory: string): PoeemConfig {
  const config = (manifest.training as { config?: unknown } | undefined)?.config;
  if (config === undefined)
    throw new UserError(`index ${directory} was not trained by \`poeem train\`: give --vectors and --ids`);
  return resolveConfig(config, `index ${directory}`);
}

function typedIds(ids: string[], { manifest: { idType } }: Index): ItemIds {
  if (idType === "string") return ids;
  const most = idType === "u32" ? 2n ** 32n - 1n : 2n ** 64n - 1n;
  const wrong = ids.find((id) => !/^(0|[1-9]\d{0,19})$/.test(id) || BigInt(id) > most);
  if (wrong !== undefined) throw new UserError(`expected ids from 0 to ${most}, as the index has, got "${wrong}"`);
  return idType === "u32" ? Uint32Array.from(ids, Number) : BigUint64Array.from(ids, BigInt);
}
