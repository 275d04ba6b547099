import { MASKED, type Random } from "@poeem/indexing-layer";
import { listOf } from "../data/csr.ts";
import type { Dataset } from "../data/types.ts";
import type { HistoryBatch } from "./history-batch.ts";

/**
 * Of groups with a history and something beside it, the share that is asked without the one, and without the other: a
 * text and a history alone are questions too.
 */
const WITHOUT = { history: 0.25, text: 0.25 };

/** Some groups of a batch, by number, and which of their places count. */
export interface SomeGroups {
  readonly groups: Uint32Array;
  /** (groups.length, S): 0, or `MASKED` in a place without an item. */
  readonly placeMask: Float32Array;
}

/** What the groups of a batch are asked by, where a mixture leans from texts and contexts. */
export interface AskedGroups {
  /** By their history alone. */
  readonly alone: SomeGroups;
  /** By a text or a context, and a history unless their places are all empty. */
  readonly beside: SomeGroups;
}

/** Draws what each group is asked by: all that is known of it, or a part of that. Groups without anything are none. */
export function drawAsked(
  { numGroups, placeMask, events }: HistoryBatch,
  dataset: Dataset,
  random: Random,
): AskedGroups {
  const places = placeMask.length / Math.max(1, numGroups);
  const alone: number[] = [];
  const beside: number[] = [];
  const withoutHistory = new Set<number>();
  for (let group = 0; group < numGroups; group++) {
    const hasHistory = placeMask[group * places] !== MASKED;
    const drawn = hasHistory ? random.uniform() : 0;
    if (!asksBeside(dataset, events[group]![0]!)) {
      if (hasHistory) alone.push(group);
    } else if (hasHistory && drawn >= 1 - WITHOUT.text) alone.push(group);
    else {
      beside.push(group);
      if (drawn < WITHOUT.history) withoutHistory.add(group);
    }
  }
  const some = (groups: readonly number[]): SomeGroups => ({
    groups: Uint32Array.from(groups),
    placeMask: Float32Array.from(
      groups.flatMap((group) =>
        Array.from(placeMask.subarray(group * places, (group + 1) * places), (mask) =>
          withoutHistory.has(group) ? MASKED : mask,
        ),
      ),
    ),
  });
  return { alone: some(alone), beside: some(beside) };
}

/** Whether anything is known of an event's text or context. */
function asksBeside({ queryRows, eventQuery, eventContext }: Dataset, event: number): boolean {
  return (
    listOf(queryRows, eventQuery[event]!).length > 0 || (eventContext ? listOf(eventContext, event).length > 0 : false)
  );
}
