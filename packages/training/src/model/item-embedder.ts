import type { ItemTower } from "@poeem/towers";
import type { PoeemConfig } from "../config.ts";
import type { ItemTable } from "../data/types.ts";
import { itemContent } from "./inputs/tower-inputs.ts";

/** Vectors of items of a table by the published tower, by row and id; undefined where it knows nothing of one. */
export const itemEmbedder =
  (tower: ItemTower, config: Pick<PoeemConfig, "items">, items: ItemTable) =>
  (row: number, id: string): Float32Array | undefined =>
    tower.embed({ ...itemContent(items, config, row), id, isNew: !tower.isTrained(id) });
