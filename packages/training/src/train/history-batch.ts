import { MASKED, type Random } from "@poeem/indexing-layer";
import { newestDistinct } from "@poeem/towers";
import type { PoeemConfig } from "../config.ts";
import { listOf, toCsr } from "../data/csr.ts";
import { asksMoreThanHistory } from "../data/past.ts";
import type { Dataset } from "../data/types.ts";
import { type DrawnDislikes, drawnDislikes } from "./dislikes.ts";
import { type EventOrder, evenSizeOf, eventOrder, groupSizeOf } from "./event-order.ts";
import { Candidates, type GroupBatch } from "./group-batch.ts";

/** Queries with histories: G groups of events of one query each, S places for history items, C candidates. */
export interface HistoryBatch extends GroupBatch {
  /** (G·S) positions in `candidates` of the history items of each group; 0 in an empty place. */
  readonly sources: Uint32Array;
  /** (C) logarithm of the share of batches that hold each candidate, up to a constant. */
  readonly logQ: Float32Array;
  /** Events of each group: positions in the event list. */
  readonly events: readonly Uint32Array[];
}

export interface HistoryBatchOptions {
  /** Most events that share a history. */
  readonly groupSize: number;
  /** Places for history items. */
  readonly sources: number;
  /** History items older than the newest `length` are not drawn. */
  readonly length: number;
  /** Uniform negatives. */
  readonly negatives: number;
  /** What draws disliked items, if they are drawn. */
  readonly dislikes?: DrawnDislikes | undefined;
  /** Whether a query without history is worth keeping, because it has a text or a context. */
  readonly keepEmpty: boolean;
  /** Whether the items of a group are each other's history, instead of one drawn from the user's other items. */
  readonly mutual: boolean;
}

/**
 * Draws history batches. A history is drawn from the other items of the user: a target is never in its own. In mutual
 * groups each item is to be found from all the others, and it is for the step to leave it out of its own history.
 */
export class HistoryBatchBuilder {
  readonly #dataset: Dataset;
  readonly #options: HistoryBatchOptions;
  /** Share of the training events of each item. */
  readonly #share: Float64Array;
  readonly #candidates: Candidates;
  readonly #dislikes: DrawnDislikes | undefined;

  constructor(dataset: Dataset, options: HistoryBatchOptions) {
    this.#dataset = dataset;
    this.#options = options;
    this.#share = new Float64Array(dataset.ids.length);
    for (const item of dataset.eventItem) this.#share[item]! += 1 / dataset.eventItem.length;
    this.#candidates = new Candidates(dataset.ids.length);
    this.#dislikes = options.dislikes;
  }

  build(events: Uint32Array, random: Random): HistoryBatch {
    const dataset = this.#dataset;
    const share = this.#share;
    const { sources: places, negatives, keepEmpty, mutual } = this.#options;
    const groups: { events: Uint32Array; history: Uint32Array }[] = [];
    for (const group of this.#groups(events)) {
      const history = mutual ? this.#itemsOf(group) : this.#drawHistory(group, random);
      if (history.length > (mutual ? 1 : 0) || keepEmpty) groups.push({ events: group, history });
    }
    const place = (item: number): number => this.#candidates.place(item);
    let drawn = 0;
    const sources = new Uint32Array(groups.length * places);
    const placeMask = new Float32Array(groups.length * places).fill(MASKED);
    const targets: number[][] = [];
    const weights: number[] = [];
    groups.forEach(({ events, history }, g) => {
      // an item that a query came back to counts once, and as much as the event of it that counts most
      const largest = new Map<number, number>();
      for (const event of events) {
        const target = place(dataset.eventItem[event]!);
        largest.set(target, Math.max(largest.get(target) ?? 0, dataset.eventWeight?.[event] ?? 1));
      }
      targets.push([...largest.keys()]);
      weights.push(...largest.values());
      history.forEach((item, s) => {
        sources[g * places + s] = place(item);
        placeMask[g * places + s] = 0;
      });
      drawn += mutual ? history.length : events.length + history.length;
    });
    const dislikes = this.#dislikes?.draw(
      groups.map(({ events }) => events),
      random,
      place,
    );
    for (let i = 0; i < negatives; i++) place(random.integer(dataset.ids.length));
    const candidates = this.#candidates.take();
    const uniform = negatives / dataset.ids.length;
    return {
      numGroups: groups.length,
      candidates,
      sources,
      placeMask,
      targets: toCsr(targets),
      targetWeights: dataset.eventWeight && Float32Array.from(weights),
      dislikes,
      // an item is in a batch with probability 1 − exp(−expected number of times it is drawn)
      logQ: Float32Array.from(candidates, (item) => {
        const asDisliked = (dislikes?.values.length ?? 0) * (this.#dislikes?.share[item] ?? 0);
        return Math.log(-Math.expm1(-(drawn * share[item]! + asDisliked + uniform)));
      }),
      events: groups.map((group) => group.events),
    };
  }

  /** Neighbouring events of one query, as many together as may share a history. */
  *#groups(events: Uint32Array): Generator<Uint32Array> {
    const dataset = this.#dataset;
    let start = 0;
    while (start < events.length) {
      const query = dataset.eventQuery[events[start]!]!;
      const { mutual, groupSize } = this.#options;
      const most = mutual ? groupSize : groupSizeOf(this.#known(query).length, groupSize);
      let end = start + 1;
      while (end < events.length && end - start < most && dataset.eventQuery[events[end]!] === query) end++;
      yield events.subarray(start, end);
      start = end;
    }
  }

  #known(query: number): Uint32Array {
    const { past } = this.#dataset;
    return past ? listOf(past.items, past.user[query]!) : new Uint32Array(0);
  }

  /** Candidates that a batch of these events has, whatever is drawn: its targets, or one target and its history. */
  fewestCandidates(events: Uint32Array): number {
    let hasHistory = false;
    for (const group of this.#groups(events)) {
      const hasOne = this.#options.mutual ? this.#hasOthers(group) : this.#hasUsable(group);
      if (!hasOne && !this.#options.keepEmpty) continue;
      hasHistory ||= hasOne;
      for (const event of group) this.#candidates.place(this.#dataset.eventItem[event]!);
    }
    const { length } = this.#candidates.take();
    return hasHistory ? Math.max(length, 2) : length;
  }

  /** Whether some events are of more than one item. Asked as often as `#hasUsable`. */
  #hasOthers(events: Uint32Array): boolean {
    const { eventItem } = this.#dataset;
    return events.some((event) => eventItem[event] !== eventItem[events[0]!]);
  }

  /** The items of some events, each once. */
  #itemsOf(events: Uint32Array): Uint32Array {
    return Uint32Array.from(new Set(Array.from(events, (event) => this.#dataset.eventItem[event]!)));
  }

  /** Whether `#usable` has any, without making it: this is asked of every event of an epoch. */
  #hasUsable(events: Uint32Array): boolean {
    const { eventItem, eventQuery, past } = this.#dataset;
    const list = this.#known(eventQuery[events[0]!]!);
    let end = list.length;
    for (const event of events) end = Math.min(end, past?.length[event] ?? 0);
    for (let i = 0; i < end; i++) if (!events.some((event) => eventItem[event] === list[i])) return true;
    return false;
  }

  /** What a group of events may draw its history from, oldest first: never a target. */
  #usable(events: Uint32Array): Uint32Array {
    const dataset = this.#dataset;
    const list = this.#known(dataset.eventQuery[events[0]!]!);
    let end = list.length;
    for (const event of events) end = Math.min(end, dataset.past?.length[event] ?? 0);
    const targets = new Set(this.#itemsOf(events));
    return list.subarray(0, end).filter((item) => !targets.has(item));
  }

  #drawHistory(events: Uint32Array, random: Random): Uint32Array {
    const dataset = this.#dataset;
    const { sources, length } = this.#options;
    const usable = this.#usable(events);
    const recent = dataset.ordered ? Uint32Array.from(newestDistinct(usable, length)) : usable;
    for (let i = 0; i < Math.min(sources, recent.length); i++) {
      const j = i + random.integer(recent.length - i);
      [recent[i], recent[j]] = [recent[j]!, recent[i]!];
    }
    return recent.subarray(0, sources);
  }
}

/** The batches of a training. */
export function createHistoryBatches(config: PoeemConfig, dataset: Dataset): HistoryBatchBuilder {
  const { sources, length } = config.model.history;
  return new HistoryBatchBuilder(dataset, {
    ...{ groupSize: groupSizeOfModel(config, dataset), sources, length },
    negatives: config.training.negatives,
    dislikes: drawnDislikes(config, dataset),
    keepEmpty: asksMoreThanHistory(dataset),
    mutual: isMutual(config, dataset),
  });
}

/**
 * Whether the items of a user are trained on as each other's history. That costs no more than half of them as the
 * history of the other half, and is what a search meets: a history with little missing. Not where some came later than
 * others, nor where they become one pooled vector.
 */
export function isMutual({ model }: Pick<PoeemConfig, "model">, dataset: Dataset): boolean {
  return model.history.as === "mixture" && !dataset.ordered && !asksMoreThanHistory(dataset);
}

/** Events of one user that a step of ordered histories has together: their histories are of the same items. */
const WINDOW = 64;

/** The order in which a training visits its events. */
export function eventOrderOf(config: PoeemConfig, dataset: Dataset): EventOrder {
  const { order } = config.model.history;
  if (order) return eventOrder(dataset, config.training.seed, WINDOW, () => WINDOW);
  const groupSize = groupSizeOfModel(config, dataset);
  return eventOrder(dataset, config.training.seed, groupSize, isMutual(config, dataset) ? evenSizeOf : groupSizeOf);
}

/** Events that share a history in a step: one where each event has a text or a context of its own. */
function groupSizeOfModel(config: PoeemConfig, dataset: Dataset): number {
  const { sources, targets } = config.model.history;
  if (isMutual(config, dataset)) return sources;
  return dataset.past === undefined || asksMoreThanHistory(dataset) ? 1 : targets;
}
