import { InputError } from "@poeem/pq-core";
import { readOldVersion } from "./format/old-versions.ts";
import { readPrefix, readSections, SECTIONS_VERSION, writeSections } from "./format/sections.ts";
import type { MixtureInput, MixtureQuery, Reads } from "./inputs/input.ts";
import { QUERY_KINDS, type Query, type QueryInputWeights } from "./kinds.ts";
import { openTower, packTower, type TowerWeights, unpackTower } from "./tower.ts";

export type QueryTowerWeights = TowerWeights<QueryInputWeights>;

/** A query tower ready for queries. */
export interface QueryTower {
  /** Width of the vectors it gives; equals the index's `dim`. */
  readonly dim: number;
  /** Memory that it takes beside the bytes that it was opened from. */
  readonly heapBytes: number;
  /** What it was trained to read. */
  readonly reads: Reads;
  /** Parts of a question that its inputs read. */
  readonly parts: readonly string[];
  /** The input that answers with a mixture, if there is one. */
  readonly mixture: MixtureInput<Query> | undefined;
  /**
   * The query as one unit vector, or a mixture of several; undefined when nothing of it is known. Of a part that
   * answers with a mixture and of others the one that is known answers, where only one is.
   * @throws InputError when a part has to be asked alone and is not
   */
  embed(query: Query): Float32Array | MixtureQuery | undefined;
}

const WHERE = "query tower";
const MAGIC = "PQTW";

/** Makes a query tower from its weights. */
export function createQueryTower(weights: QueryTowerWeights): QueryTower {
  const tower = openTower<QueryInputWeights, Query>(QUERY_KINDS, weights);
  const mixture = tower.inputs.find((input) => input.mixture)?.mixture;
  const history = { history: undefined, historyLength: 0, isOrdered: false, combines: false };
  const none = { text: false, ...history, contexts: [], embeddings: [] };
  return {
    dim: tower.dim,
    heapBytes: tower.inputs.reduce((sum, { heapBytes = 0 }) => sum + heapBytes, 0),
    reads: Object.assign(none, ...tower.inputs.map((input) => input.reads ?? {})),
    parts: QUERY_KINDS.flatMap(({ kind, part }) => (weights.inputs.some((own) => own.kind === kind) ? part! : [])),
    mixture,
    embed(query) {
      const parts = partsOf(query);
      if (!mixture || !parts.includes(mixture.part)) return tower.embed(query);
      if (parts.length > 1 && !mixture.combines) throw new InputError(mixture.part, CANNOT_BE_COMBINED);
      const beside = tower.embed(query);
      return mixture.answer(query, beside) ?? beside;
    },
  };
}

export const CANNOT_BE_COMBINED = "cannot be combined: the model of this index reads a history by itself";

/** The parts that a query has. */
export function partsOf(query: object): string[] {
  return Object.entries(query).flatMap(([part, value]) => (value === undefined ? [] : [part]));
}

/** Serializes a query tower: the payload of the artifact's `query-tower` chunk. @throws FormatError naming the field */
export function writeQueryTower(weights: QueryTowerWeights): Uint8Array {
  return writeSections(MAGIC, packTower(QUERY_KINDS, WHERE, weights));
}

/** Reads and checks a query tower of any format version; the arrays are copies. @throws FormatError naming the field */
export function readQueryTower(bytes: Uint8Array): QueryTowerWeights {
  return read(bytes, false);
}

function read(bytes: Uint8Array, asViews: boolean): QueryTowerWeights {
  const { version } = readPrefix(WHERE, MAGIC, bytes);
  const sections =
    version < SECTIONS_VERSION ? readOldVersion(WHERE, bytes, asViews) : readSections(WHERE, MAGIC, bytes, asViews);
  return unpackTower(QUERY_KINDS, WHERE, sections);
}

/**
 * Opens the payload of an artifact's `query-tower` chunk. It computes with these bytes, where they are aligned, rather
 * than with a copy: they must stay as they are.
 * @throws FormatError on bytes that `writeQueryTower` did not write
 */
export function openQueryTower(bytes: Uint8Array): QueryTower {
  return createQueryTower(read(bytes, true));
}
