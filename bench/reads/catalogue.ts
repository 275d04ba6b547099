import { Random } from "@poeem/indexing-layer";
import { formatCount } from "@poeem/offline/progress";
import type { ArtifactInput, ItemFields } from "@poeem/pq-core";
import { learnCodes } from "@poeem/training/codes/learn";
import { encodeItems } from "@poeem/training/model/encode-items";

const DIM = 64;
const THEMES = 200;
const CLUSTERS = 20_000;
const SAMPLE = 131_072;
const SLICE = 131_072;
/** Values of the facet. */
const KINDS = 20;
const CODES = { numSubQuantizers: 32, nbits: 4 } as const;

export interface CatalogueSize {
  readonly items: number;
  readonly cells: number;
  readonly queries: number;
  /** How far items lie from the centre of their cluster, in lengths; queries lie .8 of it from an item. */
  readonly noise: number;
  readonly seed: number;
}

export interface Catalogue {
  readonly dim: number;
  readonly input: ArtifactInput;
  /** (queries, dim) */
  readonly queries: Float32Array;
}

/** Encoded items round clusters, which lie round themes, and queries that lie round items of the sample. */
export async function makeCatalogue(size: CatalogueSize, say: (line: string) => void): Promise<Catalogue> {
  const random = new Random(size.seed);
  const scale = 1 / Math.sqrt(DIM);
  const themes = unit(Float32Array.from({ length: THEMES * DIM }, () => random.normal()));
  const themeOf = Uint8Array.from({ length: CLUSTERS }, () => random.integer(THEMES));
  const clusters = unit(around(themes, Uint32Array.from(themeOf), 1 * scale, random));
  const make = (count: number): { readonly vectors: Float32Array; readonly of: Uint32Array } => {
    const of = Uint32Array.from({ length: count }, () => random.integer(CLUSTERS));
    return { vectors: unit(around(clusters, of, size.noise * scale, random)), of };
  };
  const sample = make(SAMPLE).vectors;
  const asked = Uint32Array.from({ length: size.queries }, () => random.integer(SAMPLE));
  const queries = unit(around(sample, asked, 0.8 * size.noise * scale, random));
  say(`learning codes in ${formatCount(size.cells)} cells from ${formatCount(SAMPLE)} items`);
  const { codebook } = await learnCodes(
    sample,
    undefined,
    { dim: DIM, nlist: size.cells, ...CODES, metric: "innerProduct", scoreAware: false, seed: size.seed },
    say,
  );
  const assignments = new Uint32Array(size.items);
  const codes = new Uint8Array(size.items * CODES.numSubQuantizers);
  const kinds = new Array<string>(size.items);
  const prices = new Float64Array(size.items);
  for (let from = 0; from < size.items; from += SLICE) {
    const { vectors, of } = make(Math.min(SLICE, size.items - from));
    const encoded = await encodeItems(codebook, vectors);
    assignments.set(encoded.assignments, from);
    codes.set(encoded.codes, from * CODES.numSubQuantizers);
    for (let i = 0; i < of.length; i++) {
      // most items of a theme are of one kind
      const kind = random.uniform() < 0.8 ? themeOf[of[i]!]! % KINDS : random.integer(KINDS);
      kinds[from + i] = `k${kind}`;
      prices[from + i] = random.integer(10_000) / 100;
    }
    if ((from / SLICE) % 16 === 0) say(`encoded ${formatCount(from + of.length)} of ${formatCount(size.items)} items`);
  }
  const ids = Uint32Array.from({ length: size.items }, (_, i) => i);
  const fields = titles(size.items);
  const input = { codebook, assignments, codes, ids, fields, facets: { kind: kinds }, numbers: { price: prices } };
  return { dim: DIM, input, queries };
}

/** A title for each item, made when it is asked for: ten million objects would be what is measured. */
function titles(length: number): readonly ItemFields[] {
  const get = (_: unknown, key: string | symbol): unknown =>
    key === "length" ? length : { title: `item ${String(key)} of this made-up catalogue, in two sizes` };
  return new Proxy([], { get }) as readonly ItemFields[];
}

/** A vector round the centre of each, number by number. */
function around(centres: Float32Array, of: Uint32Array, deviation: number, random: Random): Float32Array {
  const out = new Float32Array(of.length * DIM);
  for (let i = 0; i < of.length; i++)
    for (let d = 0; d < DIM; d++) out[i * DIM + d] = centres[of[i]! * DIM + d]! + deviation * random.normal();
  return out;
}

function unit(vectors: Float32Array): Float32Array {
  for (let from = 0; from < vectors.length; from += DIM) {
    const row = vectors.subarray(from, from + DIM);
    const scale = 1 / Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    for (let d = 0; d < DIM; d++) row[d]! *= scale;
  }
  return vectors;
}
