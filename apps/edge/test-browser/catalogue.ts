/**
 * Small catalogues that a page can show: the codes are lossless, so that an item is always the best answer to its own
 * title.
 */
import { readFileSync } from "node:fs";
import type { Artifact } from "@poeem/pq-core";
import { createCodebook, writeArtifact } from "@poeem/pq-core/write";
import {
  createQueryTower,
  DEFAULT_TOKENIZER,
  type QueryTowerWeights,
  quantizeTable,
  textFeatures,
  writeQueryTower,
} from "@poeem/towers";
import { wordFacts, wordsOf } from "../test/word-fixture.ts";

const dim = 32;
const symbols = new URL("../../../examples/symbols/page/page.json", import.meta.url);
const { examples } = JSON.parse(readFileSync(symbols, "utf8")) as { readonly examples: [string, string][] };
const words: readonly (readonly [title: string, glyph: string])[] = [
  ["birthday cake", "🎂"],
  ["shortcake", "🍰"],
  ["cat", "🐈"],
  ["dog", "🐕"],
  ["rocket", "🚀"],
  ["house", "🏠"],
  ["tree", "🌳"],
  ["music", "🎵"],
  ["camera", "📷"],
  ["key", "🔑"],
  ["gift", "🎁"],
  ["balloon", "🎈"],
  ["sun", "☀️"],
  ["moon", "🌙"],
  ["star", "⭐"],
  ["fire", "🔥"],
  ["heart", "❤️"],
  ["book", "📖"],
  ["pizza", "🍕"],
  ["coffee", "☕"],
  ["apple", "🍎"],
  ["bicycle", "🚲"],
  ["train", "🚆"],
  ["ship", "🚢"],
  ["clock", "🕐"],
];

const items = words.flatMap(([title, glyph], i) => [
  { id: `emoji,${i}`, title, set: "emoji", kind: "emoji", category: "", glyph, svg: null },
  {
    id: `tabler:${i}`,
    title: `${title} outline`,
    set: "tabler",
    kind: "icon",
    category: "outline",
    glyph: null,
    svg: "24s M4 4h16v16h-16Z|+M12 8h.01",
  },
  {
    id: `mdi:${i}`,
    title: `${title} filled`,
    set: "mdi",
    kind: "icon",
    category: "",
    glyph: null,
    svg: "24f M4 4h16v16h-16Z",
  },
]);

/** Emoji and icons, with the drawings that the symbols example has. */
export function makeCatalogue(): Promise<Artifact> {
  return makeArtifact(
    items,
    // The page starts with one of its examples, so their words are known too.
    examples.map(([query]) => query),
    { facets: { set: items.map(({ set }) => set), "Art (€)": items.map(({ kind }) => kind) } },
  );
}

const things = ["mug", "lamp", "jacket", "kettle", "chair", "scarf", "clock", "vase", "teapot", "blanket"];
const colours = ["red", "green", "blue", "yellow", "grey", "white"];

/** A picture as a data URI; where every seventh item has one on another host. */
const pictureOf = (i: number, colour: string): string => {
  if (i % 7 === 3) return `https://pictures.example.net/${i}.jpg`;
  const circle = `<circle cx="50" cy="50" r="${20 + (i % 5) * 5}" fill="${colour}" stroke="black"/>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">${circle}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
};

export const POPULAR = ["red mug", "lamp", "teapot"];

/** A shop of sixty things with pictures, prices and brands, which knows its most frequent searches. */
export function makeShop(): Promise<Artifact> {
  const goods = things.flatMap((thing, t) =>
    colours.map((colour, c) => {
      const i = t * colours.length + c;
      const brand = ["Aalto & Söhne", "Birk", "Corvo"][i % 3]!;
      const [title, price] = [`${colour} ${thing}`, 5 + i * 2.5];
      return { id: `sku-${i}`, title, brand, price, colour, photo: pictureOf(i, colour), url: `/goods/${i}` };
    }),
  );
  return makeArtifact(goods, [], {
    facets: { brand: goods.map(({ brand }) => brand), colour: goods.map(({ colour }) => colour) },
    numbers: { price: Float64Array.from(goods, ({ price }) => price) },
    popularQueries: POPULAR,
  });
}

/** @param queries texts whose words the model knows besides those of the titles */
async function makeArtifact(
  items: readonly { readonly id: string; readonly title: string }[],
  queries: readonly string[],
  columns: Pick<Parameters<typeof writeArtifact>[0], "facets" | "numbers" | "popularQueries">,
): Promise<Artifact> {
  let state = 42;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  const texts = [...items.map(({ title }) => title), ...queries];
  const hashes = Uint32Array.from(new Set(texts.flatMap((text) => [...textFeatures(text, DEFAULT_TOKENIZER)]))).sort();
  const identity = Float32Array.from({ length: dim * dim }, (_, i) => (i % (dim + 1) === 0 ? 1 : 0));
  const table = quantizeTable(Float32Array.from({ length: hashes.length * dim }, random), hashes, dim);
  const weights: QueryTowerWeights = {
    width: dim,
    inputs: [{ kind: "text", tokenizer: DEFAULT_TOKENIZER, table }],
    layers: [{ inputDim: dim, outputDim: dim, weights: identity, bias: new Float32Array(dim) }],
    skip: false,
  };
  const tower = createQueryTower(weights);
  // 256 centroids a sub-quantizer and fewer items: centroid i of each is the sub-vector of item i, so code i decodes
  // to item i.
  const vectors = items.map(({ title }) => tower.embed({ text: title }) as Float32Array);
  const [numSubQuantizers, subDim, numCentroids] = [8, dim / 8, 256];
  const centroids = new Float32Array(dim * numCentroids);
  for (const [i, vector] of vectors.entries()) {
    for (let m = 0; m < numSubQuantizers; m++)
      centroids.set(vector.subarray(m * subDim, (m + 1) * subDim), (m * numCentroids + i) * subDim);
  }
  return writeArtifact({
    codebook: createCodebook({
      dim,
      metric: "innerProduct",
      nlist: 0,
      numSubQuantizers,
      nbits: 8,
      byResidual: false,
      centroids,
    }),
    assignments: new Uint32Array(items.length),
    codes: Uint8Array.from({ length: items.length * numSubQuantizers }, (_, at) => Math.floor(at / numSubQuantizers)),
    ids: items.map(({ id }) => id),
    fields: items,
    ...columns,
    queryTower: writeQueryTower(weights),
    words: wordsOf(
      items.map(({ title }) => title),
      (i) => [items[i]!.id, items[i]!.title],
    ),
    // Any vector is near to some item by chance, with a cosine of about .45: every known text is answered, and none is
    // sure by its vector alone.
    wordFacts: { ...wordFacts, near: [0.2, 2] },
  });
}
