import { Random } from "@poeem/indexing-layer";
import { DEFAULT_TOKENIZER } from "@poeem/towers";
import { resolveConfig } from "@poeem/training/config";
import type { Csr } from "@poeem/training/data/csr";
import { TextList, type Texts } from "@poeem/training/data/text-list";
import type { Dataset, QuerySet } from "@poeem/training/data/types";
import { fitConfig } from "@poeem/training/train/fit-config";

export const BATCH = 1024;
/** Rows of the text table, whatever the catalogue's size. */
const WORDS = 65_536;
const WORDS_A_TEXT = 4;

/**
 * Dim 64, 32 × 4 bits, 128 cells, everything else by default.
 * @param training in place of batches of 1,024 without negatives
 */
export function benchConfig(
  dataset: Dataset,
  training: { batchSize: number; negatives?: number } = { batchSize: BATCH },
) {
  const config = resolveConfig(
    {
      name: "bench",
      data: { items: "-", events: "-" },
      items: { text: ["title"] },
      model: { dim: 64 },
      index: { nlist: 128, numSubQuantizers: 32, nbits: 4, bufferSize: 8192 },
      training: { ...training, epochs: 2 },
    },
    "bench",
  );
  return fitConfig(config, dataset);
}

/**
 * A catalogue of random items and events in the trainer's own form: each item has an id row and a title of 4 words,
 * each event is a query of its own of 4 words, and led to an item drawn uniformly — the hardest case for caches.
 */
export function randomCatalogue(numItems: number, numEvents: number): Dataset {
  const random = new Random(1);
  const draws = (count: number, below: number): Uint32Array => {
    const values = new Uint32Array(count);
    for (let i = 0; i < count; i++) values[i] = random.integer(below);
    return values;
  };
  const lists = (count: number, length: number, below: number): Csr => ({
    offsets: Uint32Array.from({ length: count + 1 }, (_, i) => i * length),
    values: draws(count * length, below),
  });
  const eventItem = draws(numEvents, numItems);
  const noLists = (count: number): Csr => ({ offsets: new Uint32Array(count + 1), values: new Uint32Array(0) });
  const querySet = (count: number, relevant: Csr): QuerySet => ({
    count,
    texts: [],
    users: [],
    histories: noLists(count),
    contexts: noLists(count),
    relevant,
  });
  const none = querySet(0, noLists(0));
  return {
    ids: new TextList(numerals(numItems)),
    train: querySet(numEvents, {
      offsets: Uint32Array.from({ length: numEvents + 1 }, (_, i) => i),
      values: eventItem,
    }),
    validation: none,
    test: none,
    halfLife: 0,
    ownSentences: none,
    behaviour: numEvents,
    eventQuery: Uint32Array.from({ length: numEvents }, (_, i) => i),
    eventItem,
    eventContext: undefined,
    ordered: false,
    past: undefined,
    queryRows: lists(numEvents, WORDS_A_TEXT, WORDS),
    itemTexts: [lists(numItems, WORDS_A_TEXT, WORDS)],
    itemCategories: noLists(numItems),
    items: { count: numItems, texts: new Map(), numbers: new Map(), vectors: new Map(), fields: new Map() },
    categoryNames: [],
    itemNumbers: undefined,
    contextNames: [],
    tokenizer: DEFAULT_TOKENIZER,
    vocabulary: Uint32Array.from({ length: WORDS }, (_, i) => i),
    left: { repeats: 0, withoutHistory: 0 },
    alsoTrained: { queries: null, pairs: 0 },
    heldOutHash: "",
  };
}

/** "0", "1", … without a list of them. */
function numerals(count: number): Texts {
  return {
    length: count,
    at: (index) => String(index),
    *[Symbol.iterator]() {
      for (let i = 0; i < count; i++) yield String(i);
    },
  };
}
