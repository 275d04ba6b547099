import { UserError } from "@poeem/offline/errors";
import { formatCount } from "@poeem/offline/progress";
import { kindOf } from "../config/kinds.ts";
import type { PoeemConfig } from "../config.ts";
import type { TrainingQueries } from "./query-sets.ts";
import type { EventTable } from "./types.ts";

/** What may be the half-life by default: shares of the training events. */
const TRIED = [0.5, 0.25, 0.12, 0.06, 0.03] as const;
/** Share of the training events, the newest, that is foretold from the others. */
const FORETOLD = 0.1;
/** What a half-life has to gain, in nats an event: of less, another choice of events may make nothing. */
const LEAST_GAIN = 0.05;
const STANDARD_ERRORS = 2;
/** Of fewer foretold events their spread says nothing. */
const LEAST_FORETOLD = 100;
/** Training events in a half-life, at least: with fewer next to nothing is learned from. */
const LEAST_COUNTED = 16;
/** No event counts less than so much of one of now: a step whose events all counted for nothing would have no loss. */
const LEAST_SHARE = 2 ** -20;
/** An item that was never met counts as so much of an event. */
const PRIOR = 0.5;

/**
 * The share of the training events, the newest, in which what they count falls by half; 0 where all count alike.
 *
 * By default that is what the data say, where a search is to find what comes after all of them: the half-life with
 * which popularity foretells the newest tenth of the training events best.
 *
 * @throws UserError for one of hardly any events
 */
export function halfLifeOf(
  events: EventTable,
  training: TrainingQueries,
  config: PoeemConfig,
  numItems: number,
): number {
  const { halfLife } = config.events;
  if (halfLife !== undefined) {
    const counted = training.positions.length;
    if (halfLife > 0 && halfLife * counted < Math.min(LEAST_COUNTED, counted))
      throw new UserError(
        `events.halfLife: expected 0, or the share of at least ${LEAST_COUNTED} of the ${formatCount(counted)} ` +
          `training events, got ${halfLife}`,
      );
    return halfLife;
  }
  const isAsked = config.split.by === "time" && kindOf(config, config.model.history) !== "texts";
  if (!isAsked || training.positions.length === 0) return 0;
  const age = agesOf(events.time!, training.positions);
  return foretellingHalfLife(
    Uint32Array.from(training.positions, (event) => events.item[event]!),
    Float64Array.from(training.positions, age),
    numItems,
  );
}

/** What an event counts whose age is so much of `halfLife`, next to one of now. */
export const shareLeft = (age: number, halfLife: number): number =>
  halfLife > 0 ? Math.max(2 ** (-age / halfLife), LEAST_SHARE) : 1;

/** The age of an event: the share of the training events that are newer. Whatever the unit of time, and its pace. */
export function agesOf(time: Float64Array, positions: Uint32Array): (event: number) => number {
  const sorted = Float64Array.from(positions, (event) => time[event]!).sort();
  return (event) => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle]! <= time[event]!) low = middle + 1;
      else high = middle;
    }
    return (sorted.length - low) / sorted.length;
  };
}

/**
 * The half-life with which the counts of the older events foretell the items of the newest ones best, by the mean log
 * likelihood; 0 where none gains enough, or there are too few to tell.
 *
 * @param items of each event
 * @param ages of each event, as `agesOf` gives them
 */
export function foretellingHalfLife(items: Uint32Array, ages: Float64Array, numItems: number): number {
  const even = foretold(items, ages, numItems, 0);
  if (even.length < LEAST_FORETOLD) return 0;
  let best = { halfLife: 0, gain: LEAST_GAIN };
  for (const halfLife of TRIED) {
    const gains = foretold(items, ages, numItems, halfLife).map((log, i) => log - even[i]!);
    const gain = gains.reduce((sum, one) => sum + one, 0) / gains.length;
    const variance = gains.reduce((sum, one) => sum + (one - gain) ** 2, 0) / (gains.length - 1);
    if (gain > best.gain && gain > STANDARD_ERRORS * Math.sqrt(variance / gains.length)) best = { halfLife, gain };
  }
  return best.halfLife;
}

/** Log likelihood of each of the newest events, by the counts of the others. */
function foretold(items: Uint32Array, ages: Float64Array, numItems: number, halfLife: number): Float64Array {
  const counts = new Float64Array(numItems);
  let known = 0;
  let total = 0;
  items.forEach((item, i) => {
    if (ages[i]! < FORETOLD) return;
    const share = shareLeft((ages[i]! - FORETOLD) / (1 - FORETOLD), halfLife);
    counts[item]! += share;
    total += share;
    known++;
  });
  // as much of one as an event counts on average
  const unmet = (PRIOR * total) / Math.max(1, known);
  const newest = items.filter((_, i) => ages[i]! < FORETOLD);
  return Float64Array.from(newest, (item) => Math.log((counts[item]! + unmet) / (total + unmet * numItems)));
}
