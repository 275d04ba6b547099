import { readSections, type Section, writeSections } from "./format/sections.ts";
import { ITEM_KINDS, type ItemContent, type ItemInputWeights } from "./kinds.ts";
import { openTower, packTower, type TowerWeights, unpackTower } from "./tower.ts";

export type ItemTowerWeights = TowerWeights<ItemInputWeights>;

const WHERE = "item tower";
const MAGIC = "PQIT";

/** Vectors of items from what is known of them, for those who add items without training. */
export interface ItemTower {
  readonly dim: number;
  /** (dim); undefined when the tower knows nothing of the item. */
  embed(item: ItemContent): Float32Array | undefined;
  /** Whether the training learned something of an item alone, beside its content; else it is as a new one. */
  isTrained(id: string): boolean;
}

export function createItemTower(weights: ItemTowerWeights): ItemTower {
  const tower = openTower<ItemInputWeights, ItemContent>(ITEM_KINDS, weights);
  const { dim, embed, inputs } = tower;
  return { dim, embed, isTrained: (id) => inputs.some((input) => input.knows?.({ id })) };
}

/**
 * @param others sections that travel with the tower and are not part of it
 * @throws FormatError naming the field
 */
export function writeItemTower(weights: ItemTowerWeights, others: readonly Section[] = []): Uint8Array {
  return writeSections(MAGIC, [...packTower(ITEM_KINDS, WHERE, weights), ...others]);
}

/**
 * Reads what `writeItemTower` wrote.
 * @param kinds of the other sections that the caller knows
 * @throws FormatError naming the field
 */
export function readItemTower(
  bytes: Uint8Array,
  kinds: readonly string[] = [],
): { weights: ItemTowerWeights; others: Section[] } {
  const sections = readSections(WHERE, MAGIC, bytes);
  return {
    weights: unpackTower(ITEM_KINDS, WHERE, sections, kinds),
    others: sections.filter(({ kind }) => kinds.includes(kind)),
  };
}
