import type { z } from "zod";
import { combinesHistory, type FilledHistory, filledHistory } from "./model.ts";
import type { SCHEMA } from "./schema.ts";

/** What an item is coded by. */
export interface Codes {
  readonly numSubQuantizers: number;
  readonly nbits: 4 | 8;
}

/** Settings whose defaults follow from what queries are. */
export interface KindSettings {
  readonly model: {
    readonly dim: number;
    readonly hiddenDim: number;
    readonly itemNorm: "unit" | "free";
    readonly history: { readonly length: number; readonly sources: number; readonly targets: number };
  };
  /** Codes of histories with an order follow from the data (`codesOf`), unless something is said of them. */
  readonly index: Partial<Codes> & { readonly warmup: number; readonly commitment: number };
  readonly training: {
    readonly start: "random" | "spectral";
    readonly optimizer: "adagrad" | "adam";
    readonly learningRate: number;
    readonly towerLearningRate: number;
    readonly decay: "late" | "linear";
    readonly scale: number;
    readonly negatives: number;
    readonly itemDropout: number;
    readonly logQ: number;
    readonly validations: number;
    readonly earlyStopping: number;
  };
}

type Rates = Pick<KindSettings["training"], "learningRate" | "towerLearningRate">;

/** Usual rates of each optimizer, where it is not the one that a kind has its own for. */
const RATES: Readonly<Record<KindSettings["training"]["optimizer"], Rates>> = {
  adagrad: { learningRate: 0.1, towerLearningRate: 0.02 },
  adam: { learningRate: 0.002, towerLearningRate: 0.001 },
};

const CODES = { numSubQuantizers: 32, nbits: 4 } as const;
/** In as many bytes: of vectors that were given they keep more, and of histories with an order. */
const FINER_CODES = { numSubQuantizers: 16, nbits: 8 } as const;
const FINER_CENTROIDS = 2 ** FINER_CODES.nbits;
/**
 * Of more items a history with an order has the others: a search by 20 of its items would take 22 to 35 times as long
 * as one by a single vector, instead of 10 to 13 times (docs/experiments/pq-core.md).
 */
const MOST_FINELY_CODED = 100_000;

/** Texts and contexts, with a history or without: what they are learned by best on the data sets of the docs. */
const TEXTS: KindSettings = {
  model: { dim: 64, hiddenDim: 128, itemNorm: "unit", history: { length: 50, sources: 4, targets: 4 } },
  index: { ...CODES, warmup: 0.4, commitment: 10 },
  training: {
    start: "random",
    optimizer: "adagrad",
    ...RATES.adagrad,
    decay: "late",
    scale: 30,
    negatives: 0,
    itemDropout: 0.2,
    logQ: 0,
    validations: 20,
    earlyStopping: 0,
  },
};

/**
 * Texts with embeddings of both sides. Fewer dimensions than the vectors have lose what only many events can replace,
 * hidden layers turn what the vectors say into what a few events said, and the items of a small batch are told apart by
 * the vectors as they come. Codes are those of vectors alone, learned when the vectors are done (`betterCodes`).
 */
const EMBEDDINGS: KindSettings = {
  ...TEXTS,
  model: { ...TEXTS.model, dim: 256, hiddenDim: 0 },
  index: { ...TEXTS.index, ...FINER_CODES },
  training: { ...TEXTS.training, negatives: 1024 },
};

/** Histories as mixtures, alone: a row per item is all there is to learn, and the quantizer can start early. */
const HISTORIES: KindSettings = {
  model: { dim: 64, hiddenDim: 0, itemNorm: "free", history: { length: 100, sources: 40, targets: 16 } },
  index: { ...CODES, warmup: 0.02, commitment: 1 },
  training: {
    start: "spectral",
    optimizer: "adam",
    learningRate: 0.0012,
    towerLearningRate: 0.0012,
    decay: "linear",
    scale: 8,
    negatives: 1536,
    itemDropout: 0,
    logQ: 0.9,
    validations: 6,
    earlyStopping: 0,
  },
};

/** Histories whose order counts. How long an item vector is says how much its item is asked for. */
const ORDERED: KindSettings = {
  model: { dim: 64, hiddenDim: 0, itemNorm: "free", history: { length: 50, sources: 4, targets: 4 } },
  index: { warmup: 0.1, commitment: 0.3 },
  training: {
    start: "spectral",
    optimizer: "adam",
    learningRate: 0.003,
    towerLearningRate: 0.002,
    decay: "linear",
    scale: 12,
    negatives: 3000,
    itemDropout: 0,
    logQ: 0,
    validations: 4,
    earlyStopping: 2,
  },
};

/** The same where all that is to be found comes after what is learned: what was asked for then says little of it. */
const ORDERED_BY_TIME: KindSettings = {
  ...ORDERED,
  model: { ...ORDERED.model, itemNorm: "unit" },
  index: { ...ORDERED.index, commitment: 1 },
  training: { ...ORDERED.training, learningRate: 0.002, scale: 16 },
};

/** More numbers are cut to the leading components: the turns of OPQ take cubic time, and codes hardly tell the rest. */
const MOST_NUMBERS = 768;

/** Vectors alone keep their numbers. */
const VECTORS: KindSettings = {
  ...TEXTS,
  model: { ...TEXTS.model, dim: MOST_NUMBERS },
  index: { ...TEXTS.index, ...FINER_CODES },
};

type Parsed = z.output<typeof SCHEMA>;

/** Whether nothing is trained on but the items' vectors: there are neither events nor texts. */
export function isVectorsOnly({ data, items, training }: Pick<Parsed, "data" | "items" | "training">): boolean {
  return (
    items.embeddings.length > 0 &&
    data.events === undefined &&
    data.test === undefined &&
    items.text.length === 0 &&
    training.ownSentences !== true
  );
}

/** A configuration with those filled in. */
export type WithKind = Parsed & KindSettings & { readonly model: { readonly history: FilledHistory } };

/** Fills in what follows from what queries are (`kindOf`), and of histories with an order from how they are split. */
export function withKind(config: Parsed): WithKind {
  const history = filledHistory(config);
  const { model, index, training } = isVectorsOnly(config) ? VECTORS : usualSettings(config, history);
  const filledIndex = filledUp(
    config.index,
    index.nbits === undefined ? { ...index, ...saidCodes(config.index) } : index,
  );
  const { optimizer = training.optimizer } = config.training;
  const rates = optimizer === training.optimizer ? {} : RATES[optimizer];
  // without validations there is nothing to stop by
  const isWatched = isValidated(config, config.training.validations ?? training.validations);
  const filled = {
    ...config,
    // a number for each sub-quantizer, whatever else is usual
    model: {
      ...filledUp(config.model, { ...model, dim: Math.max(model.dim, filledIndex.numSubQuantizers ?? 0) }),
      history: { ...filledUp(history, model.history) },
    },
    index: filledIndex,
    training: filledUp(config.training, {
      ...{ ...training, ...rates },
      ...(!isWatched && { earlyStopping: 0 }),
      ...(idRowsOf(config.items) !== "all" && { start: "random" as const }),
      // the rest of the catalogue is as new
      ...(config.training.sampleItems !== undefined && { itemDropout: TEXTS.training.itemDropout }),
      ...(!hasContent(config.items) && { itemDropout: 0 }),
    }),
  };
  return filled as WithKind;
}

/**
 * Codes of histories with an order, as far as what is said of them tells: a number of codes alone, or a short buffer,
 * was said when all had 4 bits.
 */
function saidCodes({ nbits, numSubQuantizers, bufferSize }: Parsed["index"]): Partial<Codes> {
  if (nbits !== undefined) return nbits === CODES.nbits ? CODES : FINER_CODES;
  const isForFour = numSubQuantizers !== undefined || (bufferSize !== undefined && bufferSize < FINER_CENTROIDS);
  return isForFour ? CODES : {};
}

/**
 * The codes of so many items: as they are, or by the number of items for histories with an order, where nothing was
 * said of them.
 * @param dim a multiple of the fewer
 */
export function codesOf({ numSubQuantizers, nbits }: Partial<Codes>, numItems: number, dim: number): Codes {
  const usual = numItems > MOST_FINELY_CODED && dim % CODES.numSubQuantizers === 0 ? CODES : FINER_CODES;
  return { numSubQuantizers: numSubQuantizers ?? usual.numSubQuantizers, nbits: nbits ?? usual.nbits };
}

/** Whether the item tower reads anything but ids and training queries, which is all that is known of a new item. */
export function hasContent({ text, categories, inputs, embeddings }: Parsed["items"]): boolean {
  return text.length + categories.length + inputs.length + embeddings.length > 0;
}

/** What a training learns of items by their ids: rows of their own, so many that they share, or none. */
export const idRowsOf = ({ idRows = "all" }: Parsed["items"]): "all" | "none" | number =>
  typeof idRows === "object" ? idRows.hashed : idRows;

/** Whether a training with so many validations has queries to validate by. */
export function isValidated({ data, split }: Pick<Parsed, "data" | "split">, validations: number): boolean {
  return validations > 0 && (split.validation > 0 || data.validation !== undefined || split.column !== undefined);
}

const KINDS = { texts: TEXTS, histories: HISTORIES, "ordered histories": ORDERED };

/** What queries are, as far as settings follow from it. */
export type QueryKind = keyof typeof KINDS;

/** @param history of the configuration, filled in */
export function kindOf({ events }: Pick<Parsed, "events">, { as, order }: FilledHistory): QueryKind {
  if (events.user === undefined || as !== "mixture" || combinesHistory(events)) return "texts";
  return order ? "ordered histories" : "histories";
}

type Asked = Pick<Parsed, "events" | "items" | "queries" | "split">;

/** Whether vectors of items and of queries can be compared from the start. */
const hasEmbeddings = ({ items, queries }: Pick<Asked, "items" | "queries">): boolean =>
  items.embeddings.length > 0 && queries.embeddings.length > 0;

/** Whether texts meet items by embeddings of both. @param config filled in */
export const isTextsWithEmbeddings = (config: WithKind): boolean =>
  usualSettings(config, config.model.history) === EMBEDDINGS;

/** What settings are by default where queries are what they are here. @param history of the configuration, filled in */
export function usualSettings(config: Asked, history: FilledHistory): KindSettings {
  const kind = kindOf(config, history);
  if (kind === "texts" && hasEmbeddings(config)) return EMBEDDINGS;
  return kind === "ordered histories" && config.split.by === "time" ? ORDERED_BY_TIME : KINDS[kind];
}

/** Each key as it is, or as in `defaults` where it was left out. */
function filledUp<T extends object, D extends object>(given: T, defaults: D): T & D {
  const known = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...defaults, ...given, ...Object.fromEntries(known) } as T & D;
}

/** The settings that differ from those of texts, in a line; undefined for texts. */
export function describeKind(config: WithKind): string | undefined {
  const usual = usualSettings(config, config.model.history);
  if (usual === TEXTS) return undefined;
  const settings = differences(TEXTS, usual).map(
    (path) => `${path.join(".")} ${path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], config)}`,
  );
  const kind = isTextsWithEmbeddings(config) ? "texts with embeddings" : kindOf(config, config.model.history);
  return `settings for ${kind}: ${settings.join(", ")}`;
}

function differences(one: object, other: object, path: readonly string[] = []): string[][] {
  return Object.entries(one).flatMap(([key, value]) => {
    const of = (other as Record<string, unknown>)[key];
    if (typeof value === "object") return differences(value, of as object, [...path, key]);
    return value === of ? [] : [[...path, key]];
  });
}
