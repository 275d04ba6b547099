import { Random } from "@poeem/indexing-layer/random";

/** Topics, and groups of items in each. */
const TOPICS = 20;
const GROUPS = 200;
/** Length of what sets a group apart from its topic, an item from its group, and a query: a topic's is 1. */
const GROUP_LENGTH = 0.8;
const ITEM_LENGTH = 0.7;
const QUERY_LENGTH = 0.9;
/** Share of the items that are filed under a topic of which they are not. */
const MISFILED = 0.1;
const FIRST_YEAR = 1990;
const YEARS = 36;
/** What keeps the streams of a seed apart: partitions count from 1. */
const CENTRES = 0;
const SAMPLE = 0x40000000;
const QUERIES = 0x50000000;
const TRAINING_QUERIES = 0x60000000;

export interface Rows {
  readonly ids: Uint32Array;
  /** (rows, dims), of length 1. */
  readonly vectors: Float32Array;
  readonly topics: Uint8Array;
  readonly years: Uint16Array;
}

/**
 * A made-up catalogue: items around 4,000 groups of 20 topics. Each partition follows from the seed and its number
 * alone, so that a lost one is made again.
 */
export class Catalogue {
  readonly seed: number;
  readonly dims: number;
  readonly items: number;
  readonly partitions: number;
  /** (topics × groups, dims) */
  readonly #centres: Float32Array;

  constructor({ seed, dims, items, partitions }: Pick<Catalogue, "seed" | "dims" | "items" | "partitions">) {
    this.seed = seed;
    this.dims = dims;
    this.items = items;
    this.partitions = partitions;
    const random = this.#stream(CENTRES);
    const centres = new Float32Array(TOPICS * GROUPS * dims);
    for (let topic = 0; topic < TOPICS; topic++) {
      const first = topic * GROUPS * dims;
      const own = Float32Array.from({ length: dims }, () => random.normal() / Math.sqrt(dims));
      for (let at = 0; at < GROUPS * dims; at++)
        centres[first + at] = own[at % dims]! + (GROUP_LENGTH * random.normal()) / Math.sqrt(dims);
    }
    this.#centres = centres;
  }

  /** Items of a partition, whose ids follow on those of the partition before. */
  partition(number: number): Rows {
    const first = Math.floor((number * this.items) / this.partitions);
    const next = Math.floor(((number + 1) * this.items) / this.partitions);
    return this.#rows(this.#stream(number + 1), next - first, first, ITEM_LENGTH);
  }

  /** Other items, to learn from. */
  sample(count: number): Rows {
    return this.#rows(this.#stream(SAMPLE), count, 0, ITEM_LENGTH);
  }

  /** Queries to measure by, or others to learn from. */
  queries(count: number, { forTraining = false } = {}): Rows {
    return this.#rows(this.#stream(forTraining ? TRAINING_QUERIES : QUERIES), count, 0, QUERY_LENGTH);
  }

  #stream(number: number): Random {
    const random = new Random(this.seed);
    random.state = Math.imul(this.seed + 1, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca77);
    random.state = Math.floor(random.uniform() * 2 ** 32);
    return random;
  }

  #rows(random: Random, count: number, firstId: number, length: number): Rows {
    const { dims } = this;
    const ids = Uint32Array.from({ length: count }, (_, i) => firstId + i);
    const vectors = new Float32Array(count * dims);
    const topics = new Uint8Array(count);
    const years = new Uint16Array(count);
    const spread = length / Math.sqrt(dims);
    for (let i = 0; i < count; i++) {
      const group = random.integer(TOPICS * GROUPS);
      let square = 0;
      for (let d = 0; d < dims; d++) {
        const value = this.#centres[group * dims + d]! + spread * random.normal();
        vectors[i * dims + d] = value;
        square += value * value;
      }
      const scale = 1 / Math.sqrt(square);
      for (let d = 0; d < dims; d++) vectors[i * dims + d]! *= scale;
      topics[i] = random.uniform() < MISFILED ? random.integer(TOPICS) : Math.floor(group / GROUPS);
      years[i] = FIRST_YEAR + random.integer(YEARS);
    }
    return { ids, vectors, topics, years };
  }
}
