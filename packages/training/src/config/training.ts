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
    /** Events per step. Default: 1024, or the largest power of two that makes 16 steps of an epoch; at least 16. */
    batchSize: positive.optional(),
    /** Passes over the training events. Default: 2, or as many as make 160 steps. */
    epochs: positive.optional(),
    /**
     * Where the id rows of items start. spectral: at the leading eigenvectors of which items occur together in
     * histories, which spares the first half of a training; for a model with users.
     */
    start: z.enum(["random", "spectral"]).default("random"),
    /** Optimizer of the embedding tables and the layers. Adam wants rates a tenth of Adagrad's or less. */
    optimizer: z.enum(["adagrad", "adam"]).default("adagrad"),
    /** Learning rate of the embedding tables. */
    learningRate: z.number().positive().default(0.1),
    /** How the rates fall. late: full for half of the steps, then straight to a tenth. linear: to a fiftieth. */
    decay: z.enum(["late", "linear"]).default("late"),
    /** Learning rate of the hidden layers of the towers. */
    towerLearningRate: z.number().positive().default(0.02),
    /**
     * The ranking loss. softmax: over the items of the batch and `negatives` more. full: over the whole catalogue, for
     * small ones. hinge: the loss of the Poeem paper. Queries with a history always train on the softmax of their
     * mixture.
     */
    objective: z.enum(["softmax", "full", "hinge"]).default("softmax"),
    /** Margin of the hinge, between cosines; only with the objective hinge. */
    margin: z.number().positive().default(0.1),
    /** Softmax scale (inverse temperature) on the cosine. */
    scale: z.number().positive().default(30),
    /** Learns the scale too, from `scale` on, within 1 to 100; not for queries with a history. */
    learnScale: z.boolean().default(false),
    /** Items drawn uniformly from the catalogue that compete in each step beside those of the batch. */
    negatives: z.number().int().min(0).default(0),
    /** Share of the items of a history that a step leaves out, drawn at random; only with `model.history.order`. */
    historyDropout: z.number().min(0).max(0.9).default(0.2),
    /** Share of the coordinates of what a history is read from that a step leaves out; with `model.history.order`. */
    sourceDropout: z.number().min(0).max(0.9).default(0.2),
    /** Takes log(frequency in the batch) of a candidate off its logit, times this weight (0 = off, 1 = unbiased). */
    logQ: z.number().min(0).max(1).default(0),
    /** Validations, spread over training; fewer where the catalogue is large beside the events. */
    validations: z.number().int().min(0).default(20),
    /** Stops when recall has not risen for this many validations, and keeps the weights of the best; 0 = never. */
    earlyStopping: z.number().int().min(0).default(0),
    /** Everything random comes from it: the same seed and data give the same index. */
    seed: z.number().int().min(0).default(1),
  })
  .prefault({});
