import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { messageOf, UserError } from "@poeem/offline/errors";
import { MAX_HISTORY } from "@poeem/towers";
import { z } from "zod";
import { LOSS_SHAPE } from "./config-losses.ts";

const column = z.string().min(1);
const columns = z.array(column);
const positive = z.number().int().positive();

const schema = z.strictObject({
  /** What the catalogue is called in messages. */
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, "expected lower-case letters, digits and dashes"),
  /** SQL that DuckDB runs in the folder of the config file, over CSV, JSON or Parquet files. */
  data: z.strictObject({
    /** One row per item. */
    items: z.string().min(1),
    /** One row per event: a query and the item it led to. */
    events: z.string().min(1),
    /** Memory that DuckDB may take before it goes on on disk, in the system's folder for temporary files. */
    memoryLimit: z
      .string()
      .regex(/^\d+(\.\d+)? ?[KMGT]i?B$/, 'expected a size such as "1GB"')
      .default("1GB"),
  }),
  items: z.strictObject({
    id: z.string().default("id"),
    /** Shown as the name of a result. */
    title: z.string().default("title"),
    /**
     * Columns whose words describe the item to the item tower. What they hold is known of an item; a held-out query
     * that is one of them, word for word, is an easy one.
     */
    text: columns.default([]),
    /** Also describes an item by the words of its *training* queries (never those held out). */
    textFromEvents: z.boolean().default(false),
    /** Columns with one category each, or a list of categories. */
    categories: columns.default([]),
    /** Columns of numbers that the item tower reads; they are standardised, and a missing one counts as the mean. */
    inputs: columns.default([]),
    /** Columns returned with a result, beside the title. */
    fields: columns.default([]),
    /** Columns a search can be filtered by: one value per item, or a list of values. */
    facets: columns.default([]),
    /** Columns of numbers a search can be filtered by range. */
    numbers: columns.default([]),
  }),
  events: z
    .strictObject({
      /** Column of query texts; "query" when no user column is named either. */
      query: column.optional(),
      /** Column of user ids: the other items of an event's user are its history. */
      user: column.optional(),
      item: column.default("item"),
      /** Column of numbers, dates or timestamps. With it an event's history is only what came before it. */
      time: column.optional(),
      /** Columns with one category each that describe the moment of the query: device, country, page. */
      context: columns.default([]),
    })
    .prefault({})
    .transform((events) => ({ ...events, query: events.query ?? (events.user === undefined ? "query" : undefined) })),
  split: z
    .strictObject({
      /**
       * Which events are held out. hash: those whose `columns` hash to a multiple of `testModulus`. last: each user's
       * newest item. time: the newest `share` of all events. user: whole users, by the hash of their id, of whom
       * `share` of the items is to be found from the rest.
       */
      by: z.enum(["hash", "last", "time", "user"]).default("hash"),
      /** Of a split by hash; values are joined by tabs. Default: the query, or user and item where there is none. */
      columns: columns.min(1).optional(),
      /** Held out when fnv1a32 % testModulus == 0; 0 holds out nothing. */
      testModulus: z.number().int().min(0).default(10),
      /** By time: share of the events, default .1. By user: share of a held-out user's items, default .2. */
      share: z.number().positive().max(0.9).optional(),
      /** Queries taken out of training to watch it by, at most a twentieth of them; 0 for none. */
      validation: z.number().int().min(0).max(2000).default(1000),
    })
    .prefault({}),
  model: z
    .strictObject({
      /** Width of the vectors that are compared. */
      dim: positive.default(64),
      /** Most text features (words, n-grams) with a row, the most frequent first; dim + 8 bytes each at the edge. */
      maxFeatures: positive.default(65_536),
      /** Texts a feature must occur in to get a row. */
      minFeatureCount: positive.default(2),
      /** Width of the hidden layer of both towers; 0 for none. */
      hiddenDim: z.number().int().min(0).default(128),
      minGram: positive.default(3),
      maxGram: z.number().int().min(0).default(4),
      /** Features of an item's text read in one training step; a longer text is sampled anew each time. */
      itemFeatures: positive.default(16),
      /** unit: item vectors have length 1, scores are cosines. free: the length can say how popular an item is. */
      itemNorm: z.enum(["unit", "free"]).default("unit"),
      history: z
        .strictObject({
          /**
           * What becomes of a history, whose items are read as their decoded vectors. mixture: one query vector per
           * item, scores added as a mixture of softmaxes; for queries that are nothing but a history. mean, attention:
           * one vector, which goes through the query tower together with text and context.
           */
          as: z.enum(["mixture", "mean", "attention"]).default("mixture"),
          /** How far each query vector of a mixture leans towards the mean of the history; 0 = not at all. */
          tilt: z.number().min(0).max(10).default(0.4),
          /** Newest items of a history that are read. */
          length: positive.max(MAX_HISTORY).default(50),
          /**
           * Items of a history read in one training step, drawn at random from those `length`. More than 48 make a step
           * on wasm slower: its kernel takes no larger groups.
           */
          sources: positive.max(100).default(4),
          /** Events of one user that a training step scores against the same history. */
          targets: positive.max(100).default(4),
        })
        .prefault({}),
    })
    .prefault({}),
  index: z
    .strictObject({
      /** Coarse cells. */
      nlist: z.number().int().min(0).default(64),
      numSubQuantizers: positive.default(32),
      nbits: z.union([z.literal(4), z.literal(8)]).default(4),
      /** Cells visited by default. */
      nprobe: positive.default(32),
      /** Share of the training steps before the quantizer starts (Poeem's warm start). */
      warmup: z.number().min(0).max(0.95).default(0.4),
      /**
       * Losses of the indexing layer, each by its weight: commitment (how strongly item vectors are pulled towards what
       * they are quantized to), routing, distillation, …; packages/indexing-layer/README.md says what they are.
       */
      ...LOSS_SHAPE,
      /**
       * Codes that keep the scores of the training's queries, not the item vectors: after the training each item's
       * sub-codes are chosen anew, one after the other, for the least squared error of q·x̂. Default: where queries
       * have histories, which gain by it (texts do not).
       */
      scoreAware: z.boolean().optional(),
      /** Item vectors gathered for the k-means start. */
      bufferSize: positive.default(8192),
    })
    .prefault({}),
  training: z
    .strictObject({
      batchSize: positive.default(1024),
      epochs: positive.default(2),
      /**
       * Where the id rows of items start. spectral: at the leading eigenvectors of which items occur together in
       * histories, which spares the first half of a training; for a model with users.
       */
      start: z.enum(["random", "spectral"]).default("random"),
      /** Of the embedding tables and the layers. Adam wants rates a tenth of Adagrad's or less. */
      optimizer: z.enum(["adagrad", "adam"]).default("adagrad"),
      /** Embedding tables. */
      learningRate: z.number().positive().default(0.1),
      /** How the rates fall. late: full for half of the steps, then straight to a tenth. linear: to a fiftieth. */
      decay: z.enum(["late", "linear"]).default("late"),
      /** Hidden layers of the towers. */
      towerLearningRate: z.number().positive().default(0.02),
      /** Adagrad, coarse and PQ centroids. */
      codebookLearningRate: z.number().positive().default(0.05),
      /**
       * softmax: over the items of the batch and `negatives` more. full: over the whole catalogue, for small ones.
       * hinge: the loss of the Poeem paper. Queries with a history always train on the softmax of their mixture.
       */
      objective: z.enum(["softmax", "full", "hinge"]).default("softmax"),
      /** Of the hinge, between cosines. */
      margin: z.number().positive().default(0.1),
      /** Softmax scale (inverse temperature) on the cosine. */
      scale: z.number().positive().default(30),
      /** Learns the scale too, from `scale` on, within 1 to 100; not for queries with a history. */
      learnScale: z.boolean().default(false),
      /** Items drawn uniformly from the catalogue that compete in each step beside those of the batch. */
      negatives: z.number().int().min(0).default(0),
      /** Takes log(frequency in the batch) of a candidate off its logit, times this weight (0 = off, 1 = unbiased). */
      logQ: z.number().min(0).max(1).default(0),
      /** Validations, spread over training; fewer where the catalogue is large beside the events. */
      validations: z.number().int().min(0).default(20),
      /** Stops when recall has not risen for this many validations, and keeps the weights of the best; 0 = never. */
      earlyStopping: z.number().int().min(0).default(0),
      seed: z.number().int().min(0).default(1),
    })
    .prefault({}),
});

/** What a `poeem.config.ts` may say; everything with a default may be left out. */
export type PoeemConfigInput = z.input<typeof schema>;
/** A configuration with every default filled in. It travels in the artifact. */
export type PoeemConfig = z.output<typeof schema>;

/** The columns of the items that a configuration names, beside the id. */
export function itemColumns({ items }: PoeemConfig): string[] {
  const { title, text, categories, inputs, fields, facets, numbers } = items;
  return [...new Set([title, ...text, ...categories, ...inputs, ...fields, ...facets, ...numbers])];
}

/** Gives a `poeem.config.ts` its types: `export default defineConfig({ … })`. */
export function defineConfig(config: PoeemConfigInput): PoeemConfigInput {
  return config;
}

/** Checks a configuration and fills in its defaults. Throws a `UserError` that names every wrong key. */
export function resolveConfig(input: unknown, where: string): PoeemConfig {
  const parsed = schema.safeParse(input);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join(".") || "(top level)"}: ${issue.message}`);
    throw new UserError(`${where}: ${problems.join("; ")}`);
  }
  const { model, index, events, split, training } = parsed.data;
  const refuse = (wrong: boolean, why: string): void => {
    if (wrong) throw new UserError(`${where}: ${why}`);
  };
  const { by, columns } = split;
  const named = "to name a column, got none";
  refuse(
    model.history.as === "mixture" && events.user !== undefined && (events.query ?? events.context[0]) !== undefined,
    'model.history.as expected "mean" or "attention" where queries have a text or a context too, got "mixture"',
  );
  refuse(
    training.start === "spectral" && events.user === undefined,
    `training.start "spectral" expected events.user ${named}`,
  );
  refuse(by === "time" && events.time === undefined, `split.by "time" expected events.time ${named}`);
  refuse(
    (by === "last" || by === "user") && events.user === undefined,
    `split.by "${by}" expected events.user ${named}`,
  );
  refuse(columns !== undefined && by !== "hash", `split.columns is for a split by hash, got split.by "${by}"`);
  const { numSubQuantizers: M, nbits, nlist, bufferSize } = index;
  refuse(model.dim % M !== 0, `model.dim expected a multiple of index.numSubQuantizers (${M}), got ${model.dim}`);
  refuse(bufferSize < 2 ** nbits, `index.bufferSize expected at least ${2 ** nbits} (2^nbits), got ${bufferSize}`);
  refuse(nlist > bufferSize, `index.nlist expected at most index.bufferSize (${bufferSize}), got ${nlist}`);
  return parsed.data;
}

/** Loads a `poeem.config.ts` (or .js, .mjs). Returns the configuration and its folder, in which the SQL runs. */
export async function loadConfig(file: string): Promise<{ config: PoeemConfig; directory: string }> {
  const path = resolve(file);
  if (!existsSync(path)) throw new UserError(`config file not found: ${file}`);
  let module: { default?: unknown };
  try {
    module = await import(pathToFileURL(path).href);
  } catch (error) {
    throw new UserError(`${file} cannot be loaded: ${messageOf(error)}`);
  }
  if (module.default === undefined) throw new UserError(`${file}: expected "export default defineConfig({ … })"`);
  return { config: resolveConfig(module.default, file), directory: dirname(path) };
}
