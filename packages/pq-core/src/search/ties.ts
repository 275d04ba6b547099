import { compareIds, type ItemId } from "../format/ids.ts";
import type { Ranking } from "../kernel/kernel.ts";
import type { WithTies } from "./finalists.ts";
import type { OrdinalSet } from "./ordinal-set.ts";

/** The first `size` of a ranking, as views. */
export function cut({ ordinals, scores }: Ranking, size: number): Ranking {
  return { ordinals: ordinals.subarray(0, size), scores: scores.subarray(0, size) };
}

/** A ranking in arrays of its own. */
export function copyOf({ ordinals, scores }: Ranking): Ranking {
  return { ordinals: ordinals.slice(), scores: scores.slice() };
}

/** True when two scores, which descend, are equal. */
export function hasTies(scores: Float32Array): boolean {
  for (let i = 1; i < scores.length; i++) if (scores[i] === scores[i - 1]) return true;
  return false;
}

/** True when item k, the first that is one too many, scores as the last of the k. */
export function isCutTie(scores: Float32Array, k: number): boolean {
  return scores.length > k && scores[k] === scores[k - 1];
}

/** What tells the ids of items. */
export interface IdOrder {
  cellOf(ordinal: number): number;
  ids(ordinals: Uint32Array): Promise<readonly ItemId[]>;
  /** The `wanted` with the smallest ids, in their order; left out: the ids of all are read. */
  first?(ordinals: OrdinalSet, wanted: number): Promise<Uint32Array>;
}

/**
 * Puts items of equal score into the order of their ids, and takes the last places by it. Inside a cell that is the
 * order of ordinals; ids are read only where such items lie in several cells.
 *
 * @param ranking its own arrays, which are changed, best first
 */
export async function settleTies({ ordinals, scores, tied }: WithTies, order: IdOrder): Promise<Ranking> {
  const n = scores.length;
  const runs: Uint32Array[] = [];
  for (let start = 0, end = 1; end <= n; end++) {
    if (end < n && scores[end] === scores[start]) continue;
    const run = ordinals.subarray(start, end);
    if (end === n && tied !== undefined) run.set(await takeFirst(run, tied, order));
    else if (run.length > 1 && !isOneCell(run.sort(), order)) runs.push(run);
    start = end;
  }
  if (runs.length === 0) return { ordinals, scores };
  // All at once, so that a page with items of several is read once.
  const ids = await order.ids(Uint32Array.from(runs.flatMap((run) => [...run])));
  let from = 0;
  for (const run of runs) {
    const own = ids.slice(from, from + run.length);
    from += run.length;
    run.set(sortById(run, own));
  }
  return { ordinals, scores };
}

/** @param ascending ordinals */
function isOneCell(ascending: Uint32Array, { cellOf }: Pick<IdOrder, "cellOf">): boolean {
  return cellOf(ascending[0]!) === cellOf(ascending.at(-1)!);
}

async function takeFirst(run: Uint32Array, tied: OrdinalSet, order: IdOrder): Promise<Uint32Array> {
  for (const ordinal of run) tied.add(ordinal);
  if (order.first !== undefined) return order.first(tied, run.length);
  const all = Uint32Array.from(tied);
  return (isOneCell(all, order) ? all : sortById(all, await order.ids(all))).subarray(0, run.length);
}

function sortById(ordinals: Uint32Array, ids: readonly ItemId[]): Uint32Array {
  const order = Uint32Array.from(ordinals.keys()).sort((a, b) => compareIds(ids[a]!, ids[b]!));
  return order.map((i) => ordinals[i]!);
}
