import fc from "fast-check";
import type { ArtifactInput, Codebook, Filter, ItemId, SearchOptions } from "../src/index.ts";
import { decodedSquares, METRICS } from "../src/write.ts";
import { normals, random, randomCodebook } from "./support.ts";
import { randomWords, toItemWords, type WordsOfItem } from "./word-rows.ts";

/** One item of the model that deltas are compared with: a plain list, written anew each time. */
interface ModelItem {
  readonly id: ItemId;
  readonly cell: number;
  readonly code: Uint8Array;
  readonly title: string;
  readonly color: string | undefined;
  readonly tags: readonly string[];
  readonly price: number;
  readonly words: WordsOfItem;
  /** Left out = ‖x̂‖². */
  readonly term: number | undefined;
}

export interface Scenario {
  readonly metric: (typeof METRICS)[number];
  readonly nbits: 4 | 8;
  readonly nlist: number;
  readonly idType: "string" | "u32" | "u64";
  readonly extras: boolean;
  readonly n: number;
  /** By l2: whether the items of the base, and those of each other round, come with terms. */
  readonly terms: boolean;
  /** Changes of each round: items added, updated, removed. */
  readonly rounds: readonly (readonly [number, number, number])[];
  readonly seed: number;
  /** Default 0. */
  readonly cellsPerPage?: number;
}

const few = fc.nat({ max: 40 });

export const scenarios: fc.Arbitrary<Scenario> = fc.record({
  metric: fc.constantFrom(...METRICS),
  nbits: fc.constantFrom(4 as const, 8 as const),
  nlist: fc.integer({ min: 0, max: 6 }),
  idType: fc.constantFrom("string" as const, "u32" as const, "u64" as const),
  extras: fc.boolean(),
  // Around a block, and around the 1,024 matches from which on a filter is searched by cell.
  n: fc.constantFrom(0, 1, 31, 33, 150, 1010, 1400),
  terms: fc.boolean(),
  rounds: fc.array(fc.tuple(few, few, few), { minLength: 1, maxLength: 3 }),
  seed: fc.nat(),
  cellsPerPage: fc.constantFrom(0, 0, 1, 2, 4),
});

const DIM = 6;
const M = 3;

/** A catalogue that changes, with what the writers take for it. */
export class Model {
  readonly codebook: Codebook;
  readonly items = new Map<ItemId, ModelItem>();
  readonly #scenario: Scenario;
  readonly #next: () => number;
  #version = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#next = random(scenario.seed);
    const { metric, nbits, nlist, seed } = scenario;
    const spread = metric === "innerProduct" && nlist > 0 && seed % 2 === 1;
    this.codebook = randomCodebook({ dim: DIM, M, nbits, nlist, metric, byResidual: nlist > 2, spread }, seed);
    for (let i = 0; i < scenario.n; i++) this.#put(this.newId());
  }

  integer(below: number): number {
    return Math.floor(this.#next() * below);
  }

  newId(): ItemId {
    for (;;) {
      const number = this.integer(1e6);
      const { idType } = this.#scenario;
      const id = idType === "string" ? `ü${number}` : idType === "u32" ? number : BigInt(number) << 20n;
      if (!this.items.has(id)) return id;
    }
  }

  /** A random id of the catalogue. */
  anyId(): ItemId | undefined {
    return [...this.items.keys()][this.integer(this.items.size)];
  }

  /** Of what is put now. */
  get #hasTerms(): boolean {
    const { metric, terms } = this.#scenario;
    return metric === "l2" && terms && this.#version % 2 === 0;
  }

  #put(id: ItemId): ModelItem {
    // Few different codes: most scores tie with others, within a cell and across cells.
    const code = Uint8Array.from({ length: M }, () => this.integer(3));
    const item = {
      id,
      cell: this.integer(Math.max(1, this.#scenario.nlist)),
      code,
      title: `${id} state ${this.#version}`,
      color: ["red", "green", undefined][this.integer(3)],
      tags: ["rare", "odd", "new"].filter((_, i) => this.integer([150, 2, 20][i]!) === 0),
      price: this.integer(9) === 0 ? Number.NaN : this.integer(100) / 4,
      words: randomWords(1, this.integer(1e9))[0]!,
      term: this.#hasTerms ? this.integer(60) / 4 : undefined,
    };
    this.items.set(id, item);
    return item;
  }

  /** One round of changes, made to the model; what `writeDelta` needs to make it to an index. */
  change([added, updated, removed]: readonly [number, number, number]) {
    this.#version++;
    const changed = new Map<ItemId, ModelItem>();
    for (let i = 0; i < added; i++) {
      const item = this.#put(this.newId());
      changed.set(item.id, item);
    }
    for (let i = 0; i < updated; i++) {
      const id = this.anyId();
      if (id !== undefined) changed.set(id, this.#put(id));
    }
    const remove: ItemId[] = [];
    for (let i = 0; i < removed; i++) {
      const id = this.anyId();
      if (id === undefined || changed.has(id)) continue;
      this.items.delete(id);
      remove.push(id);
    }
    return { items: changed.size === 0 ? undefined : this.#rows([...changed.values()]), remove };
  }

  /** The whole catalogue, to be written anew. */
  input(): ArtifactInput {
    return {
      codebook: this.codebook,
      ...this.#rows([...this.items.values()]),
      queryTower: Uint8Array.of(1, 2, 3),
      training: { seed: 7 },
      defaultNprobe: Math.min(2, Math.max(1, this.#scenario.nlist)),
      ...(this.#scenario.extras ? { wordFacts: { rules: 2, dense: 1, words: 0.25 }, popularQueries: ["b", "a"] } : {}),
      cellsPerPage: this.#scenario.cellsPerPage ?? 0,
      listChunkBytes: 2048,
      itemChunkBytes: 1024,
    };
  }

  #rows(items: readonly ModelItem[]) {
    const ids = items.map(({ id }) => id);
    const { idType, extras } = this.#scenario;
    const assignments = Uint32Array.from(items, ({ cell }) => cell);
    const codes = Uint8Array.from(items.flatMap(({ code }) => [...code]));
    const rows = {
      assignments,
      codes,
      ...(items.some(({ term }) => term !== undefined) && { terms: this.#terms(items, assignments, codes) }),
      ids:
        idType === "string"
          ? (ids as string[])
          : idType === "u32"
            ? Uint32Array.from(ids as number[])
            : BigUint64Array.from(ids as bigint[]),
    };
    if (!extras) return rows;
    return {
      ...rows,
      fields: items.map(({ title, price }) => ({ title, price: Number.isNaN(price) ? null : price })),
      facets: { color: items.map(({ color }) => color), tag: items.map(({ tags }) => tags) },
      numbers: { price: items.map(({ price }) => price) },
      words: toItemWords(
        items.map(({ words }) => words),
        this.#version,
      ),
    };
  }

  #terms(items: readonly ModelItem[], assignments: Uint32Array, codes: Uint8Array): Float32Array {
    const squares = decodedSquares(this.codebook, assignments, codes);
    return Float32Array.from(items, ({ term }, i) => term ?? squares[i]!);
  }

  query(): Float32Array {
    return normals(DIM, this.#next);
  }

  /** A search with anything in it. */
  options(): SearchOptions {
    const { nlist, extras } = this.#scenario;
    const filters: (Filter | undefined)[] = [
      undefined,
      { facet: "color", in: ["red", "unknown"] },
      { facet: "tag", in: ["rare"] },
      { not: { facet: "color", in: ["red"] } },
      { number: "price", min: 3, max: 20 },
      { and: [{ facet: "tag", in: ["odd", "new"] }, { not: { number: "price", max: 12 } }] },
      {
        or: [
          { facet: "tag", in: ["rare", "new"] },
          { facet: "color", in: [] },
        ],
      },
    ];
    return {
      k: [1, 10, 60, 5000][this.integer(4)],
      nprobe: [1, 2, Math.max(1, nlist)][this.integer(3)],
      filter: extras ? filters[this.integer(filters.length)] : undefined,
      exclude: Array.from({ length: this.integer(5) }, () => this.anyId() ?? this.newId()),
      merge: this.integer(4) === 0 ? { by: "sumExp", temperature: 2 } : { by: "max" },
    };
  }
}
