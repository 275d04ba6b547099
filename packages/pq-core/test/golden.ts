import { partsOf } from "../src/catalogue/rows.ts";
import type { ArtifactInput, CellSpread, Index, Metric } from "../src/index.ts";
import { openWordPart } from "../src/words/part.ts";
import { createCodebook } from "../src/write.ts";
import { toItemWords, type WordsOfItem } from "./word-rows.ts";

/** The golden artifacts: every option of the format at least once, all content given by formula. */
export interface GoldenCase {
  readonly name: string;
  /** Below `fixtures`: the format's version and the name. */
  readonly folder: string;
  readonly input: ArtifactInput;
  readonly query: Float32Array;
}

interface Options {
  readonly metric: Metric;
  readonly nbits: 4 | 8;
  readonly M: number;
  readonly subDim: number;
  readonly nlist: number;
  readonly byResidual: boolean;
  readonly rotate: boolean;
  readonly n: number;
  readonly idType: "string" | "u32" | "u64";
  readonly extras: boolean;
  readonly words?: boolean;
  readonly queries?: readonly string[];
  readonly cellSpread?: CellSpread;
  /** Version 2 of the format. */
  readonly cellsPerPage?: number;
}

/** A number in [−1, 1] in steps of 1/64: exact in float32, and so are sums of a few. */
const value = (i: number, salt: number): number => (((i * 37 + salt * 11) % 129) - 64) / 64;

function goldenCase(options: Options): GoldenCase {
  const { metric, nbits, M, subDim, nlist, byResidual, rotate, n, idType, extras, words = false, queries } = options;
  const { cellSpread, cellsPerPage } = options;
  const dim = M * subDim;
  // A signed permutation is an orthogonal matrix whose products are exact.
  const rotation = new Float32Array(dim * dim);
  for (let i = 0; i < dim; i++) rotation[i * dim + ((i + 1) % dim)] = i % 3 === 0 ? -1 : 1;
  const codebook = createCodebook({
    dim,
    metric,
    nlist,
    numSubQuantizers: M,
    nbits,
    byResidual,
    rotation: rotate ? rotation : undefined,
    coarseCentroids: Float32Array.from({ length: nlist * dim }, (_, i) => value(i, 1)),
    centroids: Float32Array.from({ length: 2 ** nbits * dim }, (_, i) => value(i, 2)),
    cellSpread,
  });
  const index = Array.from({ length: n }, (_, i) => i);
  const name = [
    metric,
    `${nbits}bit`,
    `m${M}`,
    `dim${dim}`,
    `nlist${nlist}`,
    byResidual ? "residual" : "plain",
    rotate ? "rotated" : "unrotated",
    idType,
    `n${n}`,
  ];
  const parts = { extras, words, queries, spread: cellSpread, [`pages${cellsPerPage}`]: cellsPerPage };
  const named = Object.entries(parts).flatMap(([part, value]) => (value ? [part] : []));
  const full = [...name, ...named].join("-").toLowerCase();
  return {
    name: full,
    folder: `${cellsPerPage === undefined ? "v1" : "v2"}/${full}`,
    query: Float32Array.from({ length: dim }, (_, i) => value(i, 3)),
    input: {
      codebook,
      assignments: Uint32Array.from(index, (i) => (i * 5) % Math.max(1, nlist)),
      codes: Uint8Array.from({ length: n * M }, (_, i) => (i * 7 + Math.floor(i / M)) % 2 ** nbits),
      ids:
        idType === "string"
          ? index.map((i) => `né-${(i * 31) % n}`)
          : idType === "u32"
            ? Uint32Array.from(index, (i) => 3 * (n - i))
            : BigUint64Array.from(index, (i) => 2n ** 40n + BigInt(i)),
      listChunkBytes: 2048,
      itemChunkBytes: 1024,
      cellsPerPage,
      popularQueries: queries,
      ...(!words
        ? {}
        : {
            words: toItemWords(index.map(goldenWords)),
            wordFacts: { rules: 2, dense: 1, words: 0.5, near: [0.125, 0.75] as const },
          }),
      ...(!extras
        ? {}
        : {
            fields: index.map((i) => ({ title: `item ${i}`, rank: i })),
            facets: {
              parity: index.map((i) => (i % 2 === 0 ? "even" : "odd")),
              rare: index.map((i) => (i % 20 === 0 ? ["twenty"] : [])),
            },
            numbers: { rank: index.map((i) => (i === 7 ? Number.NaN : i / 4)) },
            queryTower: Uint8Array.from({ length: 100 }, (_, i) => i),
            training: { seed: 7, recallAtK: { 10: 0.5 } },
            previousVersion: "0123456789abcdef",
          }),
    },
  };
}

/** Every item has "all", so that its postings have skip entries; others have letters of one to four bytes. */
export function goldenWords(i: number): WordsOfItem {
  const terms = ["all", "ab100x", "été", "日本", "😀", `code${i}`];
  const own = terms.filter((_, rank) => i % (rank + 1) === 0 || rank === 5);
  return { terms: new Map(own.map((term, rank) => [term, 1 + ((i + rank) % 15)])), names: [i % 50, 2 ** 32 - 1 - i] };
}

export const GOLDEN: readonly GoldenCase[] = [
  goldenCase({
    metric: "innerProduct",
    nbits: 4,
    M: 8,
    subDim: 2,
    nlist: 3,
    byResidual: true,
    rotate: true,
    n: 100,
    idType: "string",
    extras: true,
  }),
  goldenCase({
    metric: "innerProduct",
    nbits: 8,
    M: 3,
    subDim: 1,
    nlist: 0,
    byResidual: false,
    rotate: false,
    n: 65,
    idType: "u32",
    extras: false,
  }),
  goldenCase({
    metric: "cosine",
    nbits: 4,
    M: 5,
    subDim: 1,
    nlist: 2,
    byResidual: true,
    rotate: false,
    n: 33,
    idType: "u64",
    extras: false,
  }),
  goldenCase({
    metric: "cosine",
    nbits: 8,
    M: 2,
    subDim: 2,
    nlist: 2,
    byResidual: false,
    rotate: true,
    n: 40,
    idType: "u32",
    extras: false,
  }),
  goldenCase({
    metric: "l2",
    nbits: 4,
    M: 7,
    subDim: 1,
    nlist: 4,
    byResidual: true,
    rotate: true,
    n: 97,
    idType: "u32",
    extras: false,
  }),
  goldenCase({
    metric: "l2",
    nbits: 8,
    M: 1,
    subDim: 3,
    nlist: 0,
    byResidual: false,
    rotate: false,
    n: 32,
    idType: "string",
    extras: true,
  }),
  goldenCase({
    metric: "innerProduct",
    nbits: 4,
    M: 1,
    subDim: 1,
    nlist: 0,
    byResidual: false,
    rotate: false,
    n: 0,
    idType: "string",
    extras: false,
  }),
  goldenCase({
    metric: "innerProduct",
    nbits: 4,
    M: 2,
    subDim: 1,
    nlist: 2,
    byResidual: true,
    rotate: false,
    n: 300,
    idType: "u32",
    extras: false,
    words: true,
  }),
  goldenCase({
    metric: "innerProduct",
    nbits: 4,
    M: 2,
    subDim: 1,
    nlist: 2,
    byResidual: true,
    rotate: false,
    n: 40,
    idType: "u32",
    extras: false,
    queries: ["gâteau d’été", "誕生日", "a".repeat(80)],
  }),
  goldenCase({
    metric: "innerProduct",
    nbits: 4,
    M: 4,
    subDim: 2,
    nlist: 7,
    byResidual: true,
    rotate: true,
    n: 60,
    idType: "u32",
    extras: false,
    cellSpread: { weight: 3, length: 1.75 },
  }),
  goldenCase({
    metric: "innerProduct",
    nbits: 4,
    M: 2,
    subDim: 2,
    nlist: 7,
    byResidual: true,
    rotate: true,
    n: 120,
    idType: "string",
    extras: true,
    words: true,
    cellsPerPage: 3,
  }),
  goldenCase({
    metric: "cosine",
    nbits: 8,
    M: 1,
    subDim: 1,
    nlist: 4,
    byResidual: false,
    rotate: false,
    n: 50,
    idType: "u64",
    extras: false,
    cellsPerPage: 1,
  }),
  goldenCase({
    metric: "l2",
    nbits: 4,
    M: 3,
    subDim: 1,
    nlist: 0,
    byResidual: false,
    rotate: false,
    n: 40,
    idType: "u32",
    extras: false,
    cellsPerPage: 2,
  }),
];

/** What every reader must find in a golden artifact; kept beside it as expected.json. */
export async function observe(index: Index, query: Float32Array): Promise<object> {
  const { ordinals, scores, listsProbed, codesScanned } = await index.search(query, { k: 5, nprobe: 2 });
  const items = await index.items(ordinals);
  const vectors = await index.vectors(ordinals.subarray(0, 2));
  return {
    version: index.version,
    ids: items.map(({ id }) => String(id)),
    fields: items.map(({ fields }) => fields ?? null),
    scores: Array.from(scores),
    listsProbed,
    codesScanned,
    vectors: Array.from(vectors),
    facets: await index.facets(),
    queryTowerBytes: (await index.queryTower())?.length ?? null,
    ...(index.manifest.words === undefined ? {} : { words: await observeWords(index) }),
    ...(index.manifest.queries === undefined ? {} : { queries: index.manifest.queries }),
  };
}

/** Terms with their postings, and names, of the base and of the items beside it. */
async function observeWords(index: Index): Promise<object> {
  const { base, delta } = partsOf(index);
  const found = await Promise.all(
    [base, delta].map(async (stored) => {
      const part = stored && (await openWordPart(stored));
      if (part === undefined) return undefined;
      const lists = await part.postings(
        stored!.parts.cache,
        Array.from({ length: part.numTerms }, (_, term) => term),
      );
      const postings = lists.map((list, term) => {
        const { ordinals, impacts } = list.all();
        return [part.termAt(term), ordinals.join(" "), impacts.join(" ")];
      });
      return { postings, names: part.vocabulary.names.join(" "), named: part.vocabulary.allNamed().join(" ") };
    }),
  );
  return { facts: index.manifest.words, parts: found.filter((part) => part !== undefined) };
}
