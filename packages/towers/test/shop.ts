import { type Index, type ItemId, openArtifact, scalarKernel } from "@poeem/pq-core";
import { type ItemWords, openWords, type WordFacts } from "@poeem/pq-core/words";
import { createCodebook, encode, writeArtifact, writeDelta } from "@poeem/pq-core/write";
import {
  type Answer,
  answerQuestion,
  createQueryTower,
  DEFAULT_TOKENIZER,
  indexTerms,
  nameHash,
  type QueryTower,
  quantizeTable,
  type Searched,
  TERM_RULES,
  textFeatures,
} from "../src/index.ts";
import { floats } from "./helpers.ts";

export interface ShopItem {
  readonly id: string;
  readonly title: string;
  readonly text?: string;
}

const DIM = 64;

/** One term, that says nothing: no neighbourhood is more crowded than another. */
const EVEN = { values: new Int8Array(DIM), scales: Float32Array.of(1), bias: Float32Array.of(0) };
const HISTORIES = {
  mean: { kind: "history", form: "mean", length: 5, scale: 1 },
  mixture: { kind: "history", form: "mixture", length: 5, scale: 20, lean: 0.5, partition: EVEN },
} as const;

/** A tower that knows the features of some texts, each by a random row, and may read histories. */
export function towerOf(texts: readonly string[], form?: keyof typeof HISTORIES): QueryTower {
  const hashes = Uint32Array.from(new Set(texts.flatMap((text) => [...textFeatures(text)]))).sort();
  const table = quantizeTable(floats(hashes.length * DIM, 3), hashes, DIM);
  return createQueryTower({
    width: DIM,
    inputs: [{ kind: "text", tokenizer: DEFAULT_TOKENIZER, table }, ...(form ? [HISTORIES[form]] : [])],
    layers: [],
    skip: false,
  });
}

/** A codebook that rounds each number to 1/64: what is measured here is not how well vectors are coded. */
const CODEBOOK = createCodebook({
  dim: DIM,
  metric: "innerProduct",
  nlist: 0,
  numSubQuantizers: DIM,
  nbits: 8,
  byResidual: false,
  centroids: Float32Array.from({ length: DIM * 256 }, (_, i) => ((i % 256) - 128) / 64),
});

function wordsOf(items: readonly ShopItem[]): ItemWords {
  const numbers = new Map<string, number>();
  const lists = items.map(({ title, text = "" }) => {
    const counts = new Map<number, number>();
    for (const term of [...indexTerms(title), ...indexTerms(text)]) {
      const number = numbers.get(term) ?? numbers.size;
      numbers.set(term, number);
      counts.set(number, (counts.get(number) ?? 0) + 1);
    }
    return [...counts];
  });
  const names = items.map(({ id, title }) =>
    [...new Set([nameHash(id), nameHash(title)])].filter((n) => n !== undefined),
  );
  const ends = (sizes: number[]): Uint32Array => {
    let end = 0;
    return Uint32Array.from([0, ...sizes.map((size) => (end += size))]);
  };
  return {
    terms: [...numbers.keys()],
    offsets: ends(lists.map(({ length }) => length)),
    numbers: Uint32Array.from(lists.flatMap((list) => list.map(([number]) => number))),
    impacts: Uint8Array.from(lists.flatMap((list) => list.map(([, count]) => Math.ceil((15 * count) / (count + 1.2))))),
    nameOffsets: ends(names.map(({ length }) => length)),
    names: Uint32Array.from(names.flat()),
  };
}

const FACTS: WordFacts = { rules: TERM_RULES, dense: 1, words: 1, near: [0.5, 0.9] };

/** An index of items as a training makes one, with its tower; without words if there are no facts. */
export async function openShop(
  items: readonly ShopItem[],
  facts: Partial<WordFacts> | undefined = {},
): Promise<Searched & { readonly tower: QueryTower }> {
  const texts = items.map(({ title, text = "" }) => `${title} ${text}`);
  const tower = towerOf(texts);
  const vectors = texts.flatMap((text) => [...((tower.embed({ text }) as Float32Array | undefined) ?? floats(DIM, 9))]);
  const artifact = await writeArtifact({
    codebook: CODEBOOK,
    ...encode(CODEBOOK, Float32Array.from(vectors)),
    ids: items.map(({ id }) => id),
    fields: items.map(({ title, text }) => ({ title, ...(text !== undefined && { text }) })),
    ...(facts && { words: wordsOf(items), wordFacts: { ...FACTS, ...facts } }),
  });
  return { ...(await openChunks(artifact.chunks, artifact.manifestBytes)), tower };
}

type Chunks = readonly { readonly key: string; readonly bytes: Uint8Array }[];

const CHUNKS = new WeakMap<Index, Chunks>();

async function openChunks(chunks: Chunks, manifestBytes: Uint8Array): Promise<Pick<Searched, "index" | "words">> {
  const byKey = new Map(chunks.map(({ key, bytes }) => [key, bytes]));
  const source = { get: async (key: string) => byKey.get(key)! };
  const index = await openArtifact(source, manifestBytes, { kernel: scalarKernel });
  CHUNKS.set(index, chunks);
  return { index, words: await openWords(index) };
}

/** The same index with some items removed. */
export async function withoutItems<S extends Searched>(shop: S, remove: readonly string[]): Promise<S> {
  const delta = await writeDelta(shop.index, { remove });
  const chunks = [...CHUNKS.get(shop.index)!, ...delta.chunks];
  return { ...shop, ...(await openChunks(chunks, delta.manifestBytes)) };
}

export async function idsOf({ index }: Searched, answer: Answer | undefined): Promise<ItemId[]> {
  return answer === undefined ? [] : (await index.items(answer.ordinals)).map(({ id }) => id);
}

/** Ids that a text finds, best first. */
export async function find(
  searched: Searched,
  text: string,
  options: Parameters<typeof answerQuestion>[2] = {},
): Promise<ItemId[]> {
  return idsOf(searched, await answerQuestion(searched, { text }, options));
}
