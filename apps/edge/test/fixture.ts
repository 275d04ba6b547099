/** A small artifact with random codes, its publisher, and the brute force that every answer is compared with. */
import type { Artifact, ArtifactInput, Codebook } from "@poeem/pq-core";
import { chunkKey, formatPointer, manifestKey, pointerKey } from "@poeem/pq-core/kv";
import type { WordFacts } from "@poeem/pq-core/words";
import { createCodebook, writeArtifact } from "@poeem/pq-core/write";
import {
  createQueryTower,
  DEFAULT_TOKENIZER,
  type EmbeddingReads,
  type EmbeddingWeights,
  embeddingMap,
  type HistoryForm,
  type HistoryWeights,
  type QueryTower,
  type QueryTowerWeights,
  quantizeTable,
  textFeatures,
  writeQueryTower,
} from "@poeem/towers";
import { codeOf, POPULAR, shopTitle, wordFacts, wordsOf } from "./word-fixture.ts";

export const dim = 16;
export const nlist = 6;
const numSubQuantizers = 8;

/** The texts whose words and n-grams the tower knows. */
const KNOWN_TEXTS = ["birthday cake", "gâteau d'anniversaire", "誕生日", "a", "🎂", "x y z"];
const vocabulary = Uint32Array.from(new Set(KNOWN_TEXTS.flatMap((text) => [...textFeatures(text)]))).sort();

export interface Fixture {
  readonly artifact: Artifact;
  readonly tower: QueryTower;
  readonly ids: readonly string[];
  /** Decoded vectors, (numItems, dim). */
  readonly decoded: readonly Float32Array[];
}

/** Seeded generator of floats in [-1, 1): a 32-bit xorshift, good enough for test data. */
export function randomFloats(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 31 - 1;
  };
}

/** What an item can be filtered by: one facet value, several or none, and a number that some items lack. */
export const setOf = (i: number) => (i % 2 === 0 ? "even" : "odd");
export const tagsOf = (i: number) => ["by 3", "by (5)"].filter((_, j) => i % [3, 5][j]! === 0);
export const yearOf = (i: number) => (i % 7 === 0 ? Number.NaN : 1980 + (i % 40));

/** What a tower makes of histories: one of the forms, or a mixture that text and context lean to. */
export type FixtureForm = HistoryForm | "leaning";

/** How an index is cut into chunks. */
type Sizes = Pick<ArtifactInput, "cellsPerPage" | "itemChunkBytes">;

/** The same with words: the items of a shop. */
export const makeShop = (
  seed: number,
  numItems = 300,
  form?: FixtureForm,
  facts = wordFacts,
  sizes?: Sizes,
): Promise<Fixture> => makeFixture(seed, numItems, form, 4, shopTitle, facts, 0, undefined, sizes);

/**
 * Every seed makes another index; the words of the queries are all known to its tower. With `titleOf` it has words.
 * @param unasked rows of the tower that no query reads: 20 bytes each
 * @param embedding columns that the tower reads, beside texts or alone
 */
export async function makeFixture(
  seed: number,
  numItems = 300,
  form?: FixtureForm,
  historyLength = 4,
  titleOf?: (i: number) => string,
  facts?: WordFacts,
  unasked = 0,
  embedding?: FixtureEmbedding,
  sizes?: Sizes,
): Promise<Fixture> {
  const random = randomFloats(seed * 2654435761);
  const floats = (length: number) => Float32Array.from({ length }, random);
  // With words, scores by codes are those of vectors about as long as 1, as trained ones are.
  const scaled = (length: number) => floats(length).map((value) => (titleOf === undefined ? value : value / 4));
  const integer = (below: number) => Math.floor(((random() + 1) / 2) * below);
  const codebook = createCodebook({
    dim,
    metric: "innerProduct",
    nlist,
    numSubQuantizers,
    nbits: 4,
    byResidual: true,
    coarseCentroids: scaled(nlist * dim),
    centroids: scaled(dim * 16),
  });
  const ids = Array.from({ length: numItems }, (_, i) => `item:${i}`);
  const assignments = Uint32Array.from({ length: numItems }, () => integer(nlist));
  const codes = Uint8Array.from({ length: numItems * numSubQuantizers }, () => integer(16));
  const rows = unasked === 0 ? vocabulary : withUnasked(unasked, integer);
  const table = quantizeTable(floats(rows.length * dim), rows, dim);
  const layers = [{ inputDim: dim, outputDim: dim, weights: floats(dim * dim), bias: floats(dim) }];
  const weights: QueryTowerWeights = {
    width: dim,
    inputs: [
      ...(embedding?.isAlone ? [] : [{ kind: "text" as const, tokenizer: DEFAULT_TOKENIZER, table }]),
      ...(embedding ? [embeddingInput(embedding, floats)] : []),
      ...(form ? [historyInput(form, historyLength, floats)] : []),
      ...(form ? [{ kind: "context" as const, names: contextNames, rows: floats(3 * dim) }] : []),
    ],
    layers,
    skip: false,
  };
  const titles = ids.map((id, i) => titleOf?.(i) ?? `title of ${id}`);
  const artifact = await writeArtifact({
    codebook,
    assignments,
    codes,
    ids,
    fields: ids.map((_, i) => ({ title: titles[i], set: setOf(i), glyph: "🎂", seed })),
    queryTower: writeQueryTower(weights),
    facets: { set: ids.map((_, i) => setOf(i)), tag: ids.map((_, i) => tagsOf(i)) },
    numbers: { year: ids.map((_, i) => yearOf(i)) },
    ...(titleOf && { words: wordsOf(titles, (i) => [ids[i]!, titles[i]!, codeOf(i)]), wordFacts: facts }),
    popularQueries: POPULAR,
    defaultNprobe: 3,
    itemChunkBytes: 4096,
    ...sizes,
  });
  const decoded = ids.map((_, i) =>
    decode(codebook, assignments[i]!, codes.subarray(i * numSubQuantizers, (i + 1) * numSubQuantizers)),
  );
  return { artifact, tower: createQueryTower(weights), ids, decoded };
}

function withUnasked(count: number, integer: (below: number) => number): Uint32Array {
  const hashes = new Set(vocabulary);
  while (hashes.size < vocabulary.length + count) hashes.add(integer(2 ** 32));
  return Uint32Array.from(hashes).sort();
}

/** Columns of embeddings that a tower reads. */
export interface FixtureEmbedding {
  readonly columns: readonly EmbeddingReads[];
  /** Whether it reads no texts. */
  readonly isAlone?: boolean;
}

function embeddingInput({ columns }: FixtureEmbedding, floats: (length: number) => Float32Array): EmbeddingWeights {
  const mapped = columns.map((column) => ({
    ...column,
    map: embeddingMap(floats(column.length * dim), floats(dim)),
  }));
  return { kind: "embedding", columns: mapped };
}

const contextNames = ["device\tphone", "device\tdesk", "page\thome"];

function historyInput(of: FixtureForm, length: number, floats: (length: number) => Float32Array): HistoryWeights {
  const form = of === "leaning" ? "mixture" : of;
  const centers = 5;
  const partition = {
    values: Int8Array.from(floats(centers * dim), (value) => Math.round(value * 100)),
    scales: floats(centers).map((value) => Math.abs(value) / 100),
    bias: floats(centers),
  };
  return {
    kind: "history",
    form,
    length,
    scale: 6,
    ...(of === "leaning" && { lean: 0.5 }),
    ...(form === "mixture" && { partition }),
    ...(form === "attention" && { attention: floats(dim) }),
  };
}

/** x̂ = coarse centroid + its sub-centroids, by the definition. */
function decode(
  { coarseCentroids, centroids, subDim, numCentroids }: Codebook,
  cell: number,
  code: Uint8Array,
): Float32Array {
  return Float32Array.from({ length: dim }, (_, d) => {
    const m = Math.floor(d / subDim);
    return coarseCentroids[cell * dim + d]! + centroids[(m * numCentroids + code[m]!) * subDim + (d % subDim)]!;
  });
}

/** All items by the inner product of their decoded vectors with a query vector, best first. */
export function rank({ ids, decoded }: Fixture, vector: Float32Array): { id: string; score: number }[] {
  return ids
    .map((id, i) => ({ id, score: decoded[i]!.reduce((sum, value, d) => sum + value * vector[d]!, 0) }))
    .sort((a, b) => b.score - a.score);
}

/** A text as a query vector; zeros when no word of it is known. */
export function textVector({ tower }: Fixture, text: string): Float32Array {
  const vector = tower.embed({ text });
  return vector instanceof Float32Array ? vector : new Float32Array(dim);
}

/** The exact answer to a text when every cell is visited. */
export function bruteForce(fixture: Fixture, query: string, k: number): { id: string; score: number }[] {
  return rank(fixture, textVector(fixture, query)).slice(0, k);
}

/** Publishes as `poeem publish` does: chunks, manifest, pointer last. `damage` changes or drops a value on the way. */
export async function publish(
  kv: { put(key: string, value: Uint8Array | string): Promise<void>; delete(key: string): Promise<void> },
  { artifact }: Fixture,
  damage: (key: string, bytes: Uint8Array) => Uint8Array | null = (_, bytes) => bytes,
  name?: string,
  publishedAt = "2026-11-22T10:00:00.000Z",
): Promise<void> {
  const values = [
    ...artifact.chunks.map(({ key, bytes }) => ({ key: chunkKey(key), bytes })),
    { key: manifestKey(artifact.version), bytes: artifact.manifestBytes },
  ];
  for (const { key, bytes } of values) {
    const damaged = damage(key, bytes);
    if (damaged === null) await kv.delete(key);
    else await kv.put(key, damaged);
  }
  const pointer = {
    version: artifact.version,
    manifestKey: manifestKey(artifact.version),
    publishedAt,
  };
  await kv.put(pointerKey(name), formatPointer(pointer));
}
