import { z } from "zod";
import { positive } from "./values.ts";

export const TRAINING = z
  .strictObject({
    /**
     * Trains on the items' own words too: the title of an item, and each sentence of its text columns, lead to it; so
     * do some words of each where it has few. They are no events to anything else, and none is a query that is held
     * out. Without any events, items with a text are known by that, their categories and numbers alone. Default: where
     * events are few beside the items.
     */
    ownSentences: z.boolean().optional(),
    /**
     * Events per step. Default: 1024 (384 for mixtures of histories alone without an order), or the largest power of
     * two that makes 16 steps of an epoch; at least 16.
     */
    batchSize: positive.optional(),
    /**
     * Passes over the training events. Default: 2 (8 for mixtures of histories alone), or as many as make 160 steps.
     */
    epochs: positive.optional(),
    /**
     * Where the id rows of items start. spectral: at the leading eigenvectors of which items occur together in
     * histories, which spares the first half of a training; for a model with users. Default: random, or spectral for
     * mixtures of histories alone whose items have rows of their own (`items.idRows`).
     */
    start: z.enum(["random", "spectral"]).optional(),
    /**
     * Trains on so many items of a larger catalogue; the index has all of them, the others by their content alone, as
     * new ones are. Those that training events name come first, and of each kind those with the smallest hashes of
     * their ids. Not for vectors alone, whose sample is `index.bufferSize`. Default: all items.
     */
    sampleItems: positive.optional(),
    /**
     * Optimizer of the embedding tables and the layers. Adam wants rates a tenth of Adagrad's or less. Default:
     * adagrad, or adam for mixtures of histories alone.
     */
    optimizer: z.enum(["adagrad", "adam"]).optional(),
    /**
     * Learning rate of the embedding tables. Default: 0.1 for Adagrad and 0.002 for Adam, but for mixtures of histories
     * alone 0.0012, or with an order 0.003, and 0.002 where the split is by time. One that is ten times that of the
     * optimizer by default needs `optimizer`, too.
     */
    learningRate: z.number().positive().optional(),
    /**
     * How the rates fall. late: full for half of the steps, then straight to a tenth. linear: to a fiftieth. Default:
     * late, or linear for mixtures of histories alone.
     */
    decay: z.enum(["late", "linear"]).optional(),
    /**
     * Learning rate of the hidden layers of the towers, and of what is learned of a history's order. Default: 0.02
     * for Adagrad and 0.001 for Adam, but for mixtures of histories alone with Adam 0.0012, or 0.002 with an order.
     */
    towerLearningRate: z.number().positive().optional(),
    /**
     * The ranking loss. softmax: over the items of the batch and `negatives` more. full: over the whole catalogue, for
     * small ones. hinge: the loss of the Poeem paper. Queries with a history always train on the softmax of their
     * mixture.
     */
    objective: z.enum(["softmax", "full", "hinge"]).default("softmax"),
    /**
     * How hard what is disliked (events whose `events.weight` is below 0) is pushed away from its query, next to how
     * hard what is liked is pulled; 0 = not at all. For the objectives softmax and full.
     */
    dislikes: z.number().min(0).default(0),
    /** Margin of the hinge, between cosines; only with the objective hinge. */
    margin: z.number().positive().default(0.1),
    /**
     * Softmax scale (inverse temperature) on the cosine. Default: 30; for mixtures of histories alone 8, or with an
     * order 12, or 16 where the split is by time.
     */
    scale: z.number().positive().optional(),
    /** Learns the scale too, from `scale` on, within 1 to 100; not for queries with a history. */
    learnScale: z.boolean().default(false),
    /**
     * Items drawn uniformly from the catalogue that compete in each step beside those of the batch. Default: 0, or
     * 1024 for texts with embeddings; for mixtures of histories alone 1536, or 3000 with an order.
     */
    negatives: z.number().int().min(0).optional(),
    /**
     * Share of the items of a step that are read as if they were new: without their id rows and training queries. So
     * those that are added later, by what their columns say, are found by codes nearly as well as the others.
     * Default: 0.2, or 0 for mixtures of histories alone without `sampleItems` and where items have nothing but ids.
     */
    itemDropout: z.number().min(0).max(0.9).optional(),
    /** Share of the items of a history that a step leaves out, drawn at random; only with `model.history.order`. */
    historyDropout: z.number().min(0).max(0.9).default(0.2),
    /**
     * Share of the coordinates of what a history is read from that a step leaves out; only for mixtures of histories
     * alone.
     */
    sourceDropout: z.number().min(0).max(0.9).default(0.2),
    /**
     * Takes log(frequency in the batch) of a candidate off its logit, times this weight (0 = off, 1 = unbiased). Not
     * with `model.history.order`, whose negatives stand for all items. Default: 0, or 0.9 for mixtures of
     * histories alone.
     */
    logQ: z.number().min(0).max(1).optional(),
    /**
     * Validations, spread over training; fewer where the catalogue is large beside the events. Default: 20; for
     * mixtures of histories alone 6, or 4 with an order.
     */
    validations: z.number().int().min(0).optional(),
    /**
     * Stops when recall has not risen for this many validations, and keeps the weights of the best; 0 = never. Default:
     * 0, or 2 with `model.history.order` where there is something to validate by.
     */
    earlyStopping: z.number().int().min(0).optional(),
    /** Everything random comes from it: the same seed and data give the same index. */
    seed: z.number().int().min(0).default(1),
  })
  .prefault({});
