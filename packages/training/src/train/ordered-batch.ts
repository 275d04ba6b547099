import { MASKED, type Random } from "@poeem/indexing-layer";
import type { PoeemConfig } from "../config.ts";
import { type Csr, listOf, toCsr } from "../data/csr.ts";
import { knownBefore } from "../data/past.ts";
import type { Dataset } from "../data/types.ts";
import { type DrawnDislikes, drawnDislikes } from "./dislikes.ts";
import { Candidates, type GroupBatch } from "./group-batch.ts";

/** Next items and what came before them: G prefixes of histories, S places, R sources, C candidates. */
export interface OrderedBatch extends GroupBatch {
  readonly places: number;
  /** (R) positions in `candidates` of the items that prefixes are read from, each once. */
  readonly sources: Uint32Array;
  /** (G·S) the source at each place of each prefix, the newest item that is read first; 0 in an empty place. */
  readonly rows: Uint32Array;
  /** Position in `candidates` of each source itself, which is no answer to it. */
  readonly masked: Csr;
  /** (C) minus the logarithm of how many items each candidate stands for. */
  readonly logQ: Float32Array;
}

export interface OrderedBatchOptions {
  /** Newest items of a history that are read. */
  readonly length: number;
  /** Uniform negatives. */
  readonly negatives: number;
  /** Share of the items of a prefix that is left out at random; one is always left. */
  readonly dropout: number;
  /** What draws disliked items, if they are drawn. */
  readonly dislikes?: DrawnDislikes | undefined;
}

/** Builds batches for next-item training: every event is to be found from what its user had before it. */
export class OrderedBatchBuilder {
  readonly #dataset: Dataset;
  readonly #options: OrderedBatchOptions;
  readonly #candidates: Candidates;
  readonly #rowOf: Int32Array;

  constructor(dataset: Dataset, options: OrderedBatchOptions) {
    this.#dataset = dataset;
    this.#options = options;
    this.#candidates = new Candidates(dataset.ids.length);
    this.#rowOf = new Int32Array(dataset.ids.length).fill(-1);
  }

  build(events: Uint32Array, random: Random): OrderedBatch {
    const { eventItem, eventWeight } = this.#dataset;
    const { length, dropout } = this.#options;
    const groups: { readonly event: number; readonly prefix: Uint32Array }[] = [];
    let places = 1;
    for (const event of events) {
      if (!this.#isToBeFound(event)) continue;
      const known = knownBefore(this.#dataset, event, length).reverse();
      const prefix = drawKept(known, dropout, random);
      groups.push({ event, prefix });
      places = Math.max(places, prefix.length);
    }
    const place = (item: number): number => this.#candidates.place(item);
    const sources: number[] = [];
    const rows = new Uint32Array(groups.length * places);
    const placeMask = new Float32Array(groups.length * places).fill(MASKED);
    const targets = groups.map(({ event, prefix }, g) => {
      prefix.forEach((item, s) => {
        const position = place(item);
        if (this.#rowOf[item]! < 0) this.#rowOf[item] = sources.push(position) - 1;
        rows[g * places + s] = this.#rowOf[item]!;
        placeMask[g * places + s] = 0;
      });
      return [place(eventItem[event]!)];
    });
    const alone = groups.map(({ event }) => Uint32Array.of(event));
    const dislikes = this.#options.dislikes?.draw(alone, random, place);
    const own = this.#candidates.count;
    this.#drawNegatives(random);
    const candidates = this.#candidates.take();
    const others = this.#dataset.ids.length - own;
    const standsFor = candidates.length > own ? Math.log(others / (candidates.length - own)) : 0;
    for (const item of candidates) this.#rowOf[item] = -1;
    return {
      numGroups: groups.length,
      places,
      candidates,
      sources: Uint32Array.from(sources),
      rows,
      placeMask,
      targets: toCsr(targets),
      targetWeights: eventWeight && Float32Array.from(groups, ({ event }) => eventWeight[event]!),
      dislikes,
      masked: toCsr(sources.map((position) => [position])),
      logQ: Float32Array.from(candidates, (_, position) => (position < own ? 0 : -standsFor)),
    };
  }

  /** Each of them stands for as many of the items that are none of the batch's own. */
  #drawNegatives(random: Random): void {
    const candidates = this.#candidates;
    const numItems = this.#dataset.ids.length;
    const { negatives } = this.#options;
    if (negatives === 0) return;
    const isAll = numItems - candidates.count <= negatives;
    for (let i = 0; i < (isAll ? numItems : negatives); i++) candidates.place(isAll ? i : random.integer(numItems));
  }

  /**
   * Whether there is something to find the item of an event from, and a search would find it: one that its user had
   * before is left out.
   */
  #isToBeFound(event: number): boolean {
    const { eventItem, eventQuery, past } = this.#dataset;
    const prefix = listOf(past!.items, past!.user[eventQuery[event]!]!).subarray(0, past!.length[event]!);
    return prefix.length > 0 && !prefix.includes(eventItem[event]!);
  }

  /** Candidates that a batch of these events has, whatever is drawn: its targets, and a source of one of them. */
  fewestCandidates(events: Uint32Array): number {
    const targets = new Set<number>();
    for (const event of events) if (this.#isToBeFound(event)) targets.add(this.#dataset.eventItem[event]!);
    return targets.size > 0 ? Math.max(2, targets.size) : 0;
  }
}

/** Those of some items that are kept: each with the same probability, and at least one. */
function drawKept(items: Uint32Array, dropout: number, random: Random): Uint32Array {
  const kept = items.filter(() => random.uniform() >= dropout);
  if (kept.length > 0) return kept;
  const one = random.integer(items.length);
  return items.subarray(one, one + 1);
}

/** The batches of a training with ordered histories. */
export function createOrderedBatches(config: PoeemConfig, dataset: Dataset): OrderedBatchBuilder {
  const { negatives, historyDropout } = config.training;
  return new OrderedBatchBuilder(dataset, {
    ...{ length: config.model.history.length, negatives, dropout: historyDropout },
    dislikes: drawnDislikes(config, dataset),
  });
}
