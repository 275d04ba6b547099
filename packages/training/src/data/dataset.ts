import { UserError } from "@poeem/offline/errors";
import { DEFAULT_TOKENIZER, type TokenizerConfig, textFeatures } from "@poeem/towers";
import type { PoeemConfig } from "../config.ts";
import { contextRows, contextTable } from "./contexts.ts";
import { emptyLists, toCsr } from "./csr.ts";
import { weightsOf } from "./event-weights.ts";
import { halfLifeOf } from "./half-life.ts";
import { categoryRows, standardise } from "./item-features.ts";
import { rowsFromEvents, textsFromColumns } from "./item-texts.ts";
import { NO_QUERIES, ownSentences, wantsOwnSentences, withSentences } from "./own-sentences.ts";
import { pastOf } from "./past.ts";
import { queryForms } from "./query-forms.ts";
import { QuerySets } from "./query-sets.ts";
import { hashOfHeldOut, SIDE } from "./side.ts";
import { splitEvents } from "./split.ts";
import type { Dataset, Dictionary, QuerySet, RawData } from "./types.ts";
import { buildVocabulary, knownRows } from "./vocabulary.ts";

// A description is longer than a query; more than this of it says nothing new.
export const MAX_ITEM_CHARS = 1 << 16;

/** What each event is for. */
export interface EventSplit {
  /** The normal form of each event's query; undefined without texts. */
  readonly forms: Dictionary | undefined;
  /** The side of each event. */
  readonly sides: Uint8Array;
  /** Whether a text, in normal form, is a query that is held out. */
  isHeldOut(form: string): boolean;
  /** SHA-256 of which events are held out. */
  readonly hash: string;
}

/** Splits the events. */
export function splitOf(raw: RawData, config: PoeemConfig): EventSplit {
  const { events } = raw;
  const forms = events.query && queryForms(events.query);
  const sides = splitEvents(events, forms, raw.ids, config);
  let heldOut: Set<string> | undefined;
  return {
    forms,
    sides,
    isHeldOut(form) {
      heldOut ??= heldOutForms(forms!, sides);
      return heldOut.has(form);
    },
    hash: hashOfHeldOut(sides),
  };
}

function heldOutForms(forms: Dictionary, sides: Uint8Array): Set<string> {
  const heldOut = new Set<string>();
  sides.forEach((side, event) => {
    if (side === SIDE.validation || side === SIDE.test) heldOut.add(forms.values[forms.numbers[event]!]!);
  });
  return heldOut;
}

/**
 * Splits the events and turns texts, categories, contexts and numbers into what the towers read.
 * @param split of the events; default: that of the configuration
 */
export function buildDataset(raw: RawData, config: PoeemConfig, split = splitOf(raw, config)): Dataset {
  const { events } = raw;
  const { forms, sides } = split;
  const sets = new QuerySets(events, forms, sides, raw.ids.length);
  const training = sets.train();
  const halfLife = halfLifeOf(events, training, config, raw.ids.length);
  const { set: train, positions } = training;
  const own = wantsOwnSentences(config, positions.length, raw.ids.length)
    ? // none of which is a held-out query in any spelling
      ownSentences(raw.items, config, positions.length, split.isHeldOut)
    : NO_QUERIES;
  if (train.count + own.count === 0) {
    throw new UserError(
      config.data.events === undefined
        ? "without data.events: expected items with words to train on (their titles, items.text), got none"
        : "data.events: expected events left to train on, got none after the split",
    );
  }
  const contexts = contextTable(events, sides);
  const validation = sets.heldOut(SIDE.validation, contexts);
  const test = sets.heldOut(SIDE.test, contexts);
  const categories = categoryRows(raw.items, config.items.categories);
  return {
    ids: raw.ids,
    items: raw.items,
    train,
    validation: validation.set,
    test: test.set,
    ownSentences: own,
    behaviour: positions.length,
    ...withSentences(
      {
        eventQuery: training.eventQuery,
        eventItem: Uint32Array.from(positions, (event) => events.item[event]!),
        eventContext: events.contexts.length > 0 ? contextRows(events, contexts, positions) : undefined,
        past: pastOf(events, sides, raw.ids.length, training),
        ...weightsOf(events, training, halfLife),
      },
      train.count,
      own,
    ),
    halfLife,
    ordered: events.ordered,
    ...textFeaturesOf(raw, config, train, own.texts),
    itemCategories: categories.rows,
    categoryNames: categories.names,
    itemNumbers: standardise(raw.items, config.items.inputs),
    queryVectors: raw.queryVectors,
    contextNames: contexts.names,
    left: test.left,
    alsoTrained: test.alsoTrained,
    heldOutHash: split.hash,
  };
}

/** Whether the item tower reads the training queries that led to an item. */
export const readsQueries = ({ items }: PoeemConfig, { train }: Pick<Dataset, "train">): boolean =>
  items.textFromEvents && train.count > 0;

/** Texts of training queries and items as rows of one text table. */
function textFeaturesOf(
  raw: RawData,
  config: PoeemConfig,
  train: QuerySet,
  own: readonly string[],
): Pick<Dataset, "queryRows" | "itemTexts" | "tokenizer" | "vocabulary"> {
  const { minGram, maxGram, maxFeatures, minFeatureCount } = config.model;
  const tokenizer: TokenizerConfig = { ...DEFAULT_TOKENIZER, minGram, maxGram };
  const featuresOf = new Map<string, Uint32Array>();
  const texts = [...train.texts, ...own];
  for (const text of texts) if (!featuresOf.has(text)) featuresOf.set(text, textFeatures(text, tokenizer));
  const columns = config.items.text.length > 0 ? textsFromColumns(raw, config.items.text) : [];
  const columnFeatures = columns.map((text) => textFeatures(text, { ...tokenizer, maxChars: MAX_ITEM_CHARS }));
  const vocabulary = buildVocabulary([...featuresOf.values(), ...columnFeatures], maxFeatures, minFeatureCount);
  const rows = new Map([...featuresOf].map(([text, features]) => [text, knownRows(features, vocabulary)]));
  const queryRows = texts.length > 0 ? toCsr(texts.map((text) => rows.get(text)!)) : emptyLists(train.count);
  return {
    queryRows,
    itemTexts: [
      ...(columns.length > 0 ? [toCsr(columnFeatures.map((features) => knownRows(features, vocabulary)))] : []),
      ...(readsQueries(config, { train }) ? [rowsFromEvents(raw.ids.length, train, queryRows)] : []),
    ],
    tokenizer,
    vocabulary,
  };
}
