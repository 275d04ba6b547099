import { MASKED, type Random } from "@poeem/indexing-layer";
import { newest } from "@poeem/towers";
import type { PoeemConfig } from "../config.ts";
import { type Csr, listOf, toCsr } from "../data/csr.ts";
import type { Dataset } from "../data/types.ts";

/** Next items and what came before them: G prefixes of histories, S places, R sources, C candidates. */
export interface OrderedBatch {
  readonly numGroups: number;
  readonly places: number;
  /** Item numbers that compete, each once: targets and sources, then uniform negatives. */
  readonly candidates: Uint32Array;
  /** (R) positions in `candidates` of the items that prefixes are read from, each once. */
  readonly sources: Uint32Array;
  /** (G·S) the source at each place of each prefix, the newest item that is read first; 0 in an empty place. */
  readonly rows: Uint32Array;
  /** (G, S): 0, or `MASKED` in an empty place. */
  readonly placeMask: Float32Array;
  /** Position in `candidates` of the item that follows each of the G prefixes. */
  readonly targets: Csr;
  /** (G) what finding each of them counts; undefined where all count the same. */
  readonly targetWeights?: Float32Array | undefined;
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
}

/** Builds batches for next-item training: every event is to be found from what its user had before it. */
export class OrderedBatchBuilder {
  readonly #dataset: Dataset;
  readonly #options: OrderedBatchOptions;
  readonly #positionOf: Int32Array;
  readonly #rowOf: Int32Array;

  constructor(dataset: Dataset, options: OrderedBatchOptions) {
    this.#dataset = dataset;
    this.#options = options;
    this.#positionOf = new Int32Array(dataset.ids.length).fill(-1);
    this.#rowOf = new Int32Array(dataset.ids.length).fill(-1);
  }

  build(events: Uint32Array, random: Random): OrderedBatch {
    const { eventItem, eventWeight } = this.#dataset;
    const { length, dropout } = this.#options;
    const groups: { readonly event: number; readonly prefix: Uint32Array }[] = [];
    for (const event of events) {
      const prefix = newest(this.#prefixOf(event), length).toReversed();
      if (prefix.length === 0) continue;
      groups.push({ event, prefix: drawKept(prefix, dropout, random) });
    }
    const candidates: number[] = [];
    const place = (item: number): number =>
      this.#positionOf[item]! < 0 ? this.#place(item, candidates) : this.#positionOf[item]!;
    const sources: number[] = [];
    const places = Math.max(1, ...groups.map(({ prefix }) => prefix.length));
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
    const own = candidates.length;
    this.#drawNegatives(candidates, random);
    const others = this.#dataset.ids.length - own;
    const standsFor = candidates.length > own ? Math.log(others / (candidates.length - own)) : 0;
    for (const item of candidates) {
      this.#positionOf[item] = -1;
      this.#rowOf[item] = -1;
    }
    return {
      numGroups: groups.length,
      places,
      candidates: Uint32Array.from(candidates),
      sources: Uint32Array.from(sources),
      rows,
      placeMask,
      targets: toCsr(targets),
      targetWeights: eventWeight && Float32Array.from(groups, ({ event }) => eventWeight[event]!),
      masked: toCsr(sources.map((position) => [position])),
      logQ: Float32Array.from(candidates, (_, position) => (position < own ? 0 : -standsFor)),
    };
  }

  #place(item: number, candidates: number[]): number {
    this.#positionOf[item] = candidates.length;
    candidates.push(item);
    return candidates.length - 1;
  }

  /** Each of them stands for as many of the items that are none of the batch's own. */
  #drawNegatives(candidates: number[], random: Random): void {
    const numItems = this.#dataset.ids.length;
    const { negatives } = this.#options;
    if (negatives === 0) return;
    if (numItems - candidates.length <= negatives) {
      for (let item = 0; item < numItems; item++) if (this.#positionOf[item]! < 0) this.#place(item, candidates);
      return;
    }
    for (let i = 0; i < negatives; i++) {
      const item = random.integer(numItems);
      if (this.#positionOf[item]! < 0) this.#place(item, candidates);
    }
  }

  /** What the user of an event had before it, oldest first; nothing where the event only repeats one of them. */
  #prefixOf(event: number): Uint32Array {
    const { eventItem, eventQuery, past } = this.#dataset;
    const prefix = listOf(past!.items, past!.user[eventQuery[event]!]!).subarray(0, past!.length[event]!);
    return prefix.includes(eventItem[event]!) ? prefix.subarray(0, 0) : prefix;
  }

  /** Candidates that a batch of these events has, whatever is drawn: its targets, and a source of one of them. */
  fewestCandidates(events: Uint32Array): number {
    const targets = new Set<number>();
    for (const event of events) if (this.#prefixOf(event).length > 0) targets.add(this.#dataset.eventItem[event]!);
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
export function createOrderedBatches({ model, training }: PoeemConfig, dataset: Dataset): OrderedBatchBuilder {
  const { negatives, historyDropout } = training;
  return new OrderedBatchBuilder(dataset, { length: model.history.length, negatives, dropout: historyDropout });
}
