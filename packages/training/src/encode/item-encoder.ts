import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "@poeem/offline/errors";
import { readBytes } from "@poeem/offline/files";
import type { EncodedVectors, Index, ItemId } from "@poeem/pq-core";
import type { ItemWords } from "@poeem/pq-core/words";
import { encodeBy } from "../artifact/finished-codes.ts";
import { ITEM_TOWER_FILE, openItemTowerFile, type TrainedItemTower } from "../artifact/item-tower-file.ts";
import { hasContent } from "../config/kinds.ts";
import { type PoeemConfig, readConfig } from "../config.ts";
import type { FieldKinds } from "../data/items.ts";
import type { ItemTable } from "../data/types.ts";
import { type ChangedWords, changedWords } from "./changed-words.ts";
import { checkLengths, type EmbeddedItems, type ItemEmbedder, itemEmbedder } from "./embed-items.ts";
import { readIdAt } from "./read-ids.ts";
import type { ItemsFile } from "./read-items.ts";

/** What an index keeps of items, but for their fields and filters. */
export interface EncodedItems extends EncodedVectors {
  /** As the index has them. */
  readonly ids: readonly ItemId[];
  /** Of an index with words. */
  readonly words?: ItemWords;
  /** Places of the items of which the tower knows nothing; their codes mean nothing. */
  readonly nothingKnown: readonly number[];
}

/** Turns items into codes and words of an index that is there, however many at a time: each by itself. */
export class ItemEncoder {
  readonly index: Index;
  /** Folder of the index, for errors. */
  readonly directory: string;
  /** What new items are made of besides the tower: undefined where the file is missing. */
  readonly tower: TrainedItemTower | undefined;
  readonly #words: ChangedWords;
  #embedder: ItemEmbedder | undefined;

  private constructor(index: Index, directory: string, tower: TrainedItemTower | undefined) {
    this.index = index;
    this.directory = directory;
    this.tower = tower;
    this.#words = changedWords(index, tower);
  }

  static async open(index: Index, directory: string): Promise<ItemEncoder> {
    return new ItemEncoder(index, directory, await readTower(index, directory));
  }

  /** The configuration that the index was trained with. @throws UserError where there is none */
  config(): PoeemConfig {
    const config = (this.index.manifest.training as { config?: unknown } | undefined)?.config;
    if (config === undefined)
      throw new UserError(`index ${this.directory} was not trained by \`poeem train\`: give --vectors and --ids`);
    return readConfig(config, `index ${this.directory}`);
  }

  /** Kinds of the index's fields; undefined in an index of an earlier release. */
  fieldKinds(): FieldKinds | undefined {
    return (this.index.manifest.training as { fieldKinds?: FieldKinds } | undefined)?.fieldKinds;
  }

  /**
   * Codes and words of items.
   * @param source of the items, in errors
   * @param given their vectors, instead of the item tower's
   * @param first number of the first one's row
   */
  async encode(
    source: string,
    { ids: texts, items }: Pick<ItemsFile, "ids" | "items">,
    config: PoeemConfig,
    given?: Float32Array,
    first = 0,
  ): Promise<EncodedItems> {
    const ids = texts.map((id, i) => readIdAt(id, this.index, "items", `${source} row ${first + i + 1}`));
    const { vectors, nothingKnown } = given
      ? { vectors: given, nothingKnown: [] }
      : this.#embed(source, config, ids.map(String), items);
    return { ids, ...(await this.#rest(ids, items, vectors)), nothingKnown };
  }

  /** The same of items that are no more than an id and a vector. */
  async encodeVectors(ids: readonly ItemId[], vectors: Float32Array): Promise<EncodedItems> {
    return { ids, ...(await this.#rest(ids, undefined, vectors)), nothingKnown: [] };
  }

  /** Changed items that lose the words of their training queries, because nothing is known of these. */
  lostQueries(ids: readonly ItemId[]): Promise<number> {
    return this.#words.lost(ids);
  }

  async #rest(ids: readonly ItemId[], items: ItemTable | undefined, vectors: Float32Array) {
    const codes = await encodeBy({ ...this.tower, codebook: this.index.codebook }, vectors);
    const words = this.#words.of(ids, items);
    return { ...codes, ...(words && { words }) };
  }

  #embed(source: string, config: PoeemConfig, ids: readonly string[], items: ItemTable): EmbeddedItems {
    if (this.tower === undefined)
      throw new UserError(
        `index ${this.directory}: no item tower in it (${ITEM_TOWER_FILE}); train again, or give --vectors`,
      );
    checkLengths(source, this.tower.weights, items);
    this.#embedder ??= itemEmbedder(this.tower.weights, config);
    return this.#embedder(ids, items);
  }
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

/** Items of which the tower knows nothing get no junk for a vector. @throws UserError naming some, if there are any */
export function refuseUnknown(
  ids: readonly ItemId[],
  config: PoeemConfig,
  directory: string,
  cure = "give --vectors",
): void {
  if (ids.length === 0) return;
  const some =
    `${ids.length} new item${ids.length > 1 ? "s" : ""} ` +
    `(${ids.slice(0, 3).join(", ")}${ids.length > 3 ? ", …" : ""})`;
  throw new UserError(
    !hasContent(config.items)
      ? `the item tower of ${directory} reads nothing but ids, so it cannot encode ${some}; train with items.text, ` +
          `items.categories, items.inputs or items.embeddings, or ${cure}`
      : `${some} have no word, category or number that the item tower knows; ${cure}, or train again`,
  );
}
