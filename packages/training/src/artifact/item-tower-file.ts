import { messageOf, UserError } from "@poeem/offline/errors";
import { BESIDE } from "@poeem/offline/index-folder/own-files";
import { FormatError } from "@poeem/pq-core";
import type { QueryMoments } from "@poeem/pq-core/write";
import { type ItemTowerWeights, readItemTower, writeItemTower } from "@poeem/towers";

/** The trained item tower, inside the index folder, for `poeem encode`. Not published. */
export const ITEM_TOWER_FILE = BESIDE.itemTower;

/** The item tower, and of an index with score-aware codes what its items' codes were chosen by. */
export interface TrainedItemTower {
  readonly weights: ItemTowerWeights;
  readonly moments?: QueryMoments | undefined;
}

const MOMENTS = "moments";

/** The file, as `openItemTowerFile` reads it. */
export function itemTowerBytes({ weights, moments }: TrainedItemTower): Uint8Array {
  if (!moments) return writeItemTower(weights);
  return writeItemTower(weights, [{ kind: MOMENTS, settings: {}, arrays: [moments.moments, moments.momentOf] }]);
}

/** @throws UserError when `bytes` are not what `itemTowerBytes` gave */
export function openItemTowerFile(file: string, bytes: Uint8Array): TrainedItemTower {
  try {
    const { weights, others } = readItemTower(bytes, [MOMENTS]);
    const [moments, momentOf] = others[0]?.arrays ?? [];
    if (others.length === 0) return { weights };
    if (!(moments instanceof Float32Array) || !(momentOf instanceof Uint32Array))
      throw new FormatError("item tower", `"${MOMENTS}" expected f32 and u32, got something else`);
    return { weights, moments: { moments, momentOf } };
  } catch (error) {
    throw new UserError(`item tower ${file} is of an earlier release or damaged, train again: ${messageOf(error)}`);
  }
}
