import { MAX_HISTORY } from "@poeem/towers";
import { z } from "zod";
import type { EVENTS } from "./events.ts";
import { positive } from "./values.ts";

const FORMS = ["mixture", "mean", "attention"] as const;
export type HistoryForm = (typeof FORMS)[number];

/** Of a mixture without an order; docs/experiments/trainer.md has the figures. */
const TILT = 0.2;
/** Beside a text or a context. */
const TILT_BESIDE = 0.4;

export const MODEL = z
  .strictObject({
    /**
     * Width of the vectors that are compared. Default: 64, or 256 for texts with embeddings; for vectors alone all
     * their numbers, or 768 of more. Fewer are their leading components.
     */
    dim: positive.optional(),
    /** Most text features (words, n-grams) with a row, the most frequent first; dim + 8 bytes each at the edge. */
    maxFeatures: positive.default(65_536),
    /** Texts a feature must occur in to get a row. */
    minFeatureCount: positive.default(2),
    /**
     * Width of the hidden layer of both towers; 0 for none. Default: 128, or 0 for texts with embeddings and for
     * mixtures of histories alone.
     */
    hiddenDim: z.number().int().min(0).optional(),
    /** Shortest character n-gram of a word that is a feature beside it. */
    minGram: positive.default(3),
    /** Longest character n-gram; 0 turns n-grams off and leaves whole words. */
    maxGram: z.number().int().min(0).default(4),
    /** Features of an item's text read in one training step; a longer text is sampled anew each time. */
    itemFeatures: positive.default(16),
    /**
     * unit: item vectors have length 1, scores are cosines. free: the length can say how popular an item is. Default:
     * unit, or free for mixtures of histories alone, but not with an order where the split is by time.
     */
    itemNorm: z.enum(["unit", "free"]).optional(),
    /** What becomes of the items that a user had before; only with `events.user`. */
    history: z
      .strictObject({
        /**
         * What becomes of a history, whose items are read as their decoded vectors. mixture: one query vector per
         * item, scores added as a mixture of softmaxes; beside a text or a context it is their vector leaning to the
         * item, so that results are what was asked for and to the person's taste. mean, attention: one vector, which
         * goes through the query tower together with text and context, for a search that costs no more than by text.
         */
        as: z.enum(FORMS).default("mixture"),
        /**
         * Whether the order of a mixture's history counts: every item of a user is learned from those before it, the
         * newest weigh most, and what follows from an item is searched for elsewhere than at the item itself. Only for
         * histories alone: not beside `events.query` or `events.context`. Default: there, where `events.time` is named.
         */
        order: z.boolean().optional(),
        /**
         * How far each query vector of a mixture leans towards the mean of the history; 0 = not at all. Default: 0.2
         * (0.4 beside a text or a context), or 0 with `order`, which has none.
         */
        tilt: z.number().min(0).max(10).optional(),
        /**
         * Newest items of a history that are read. Default: 50, or 100 for mixtures of histories alone without an
         * order.
         */
        length: positive.max(MAX_HISTORY).optional(),
        /**
         * Items of a history read in one training step, drawn at random from those `length`. Of a mixture whose events
         * have no time they are all to be found too, each from the others. More than 48 make a step on wasm slower:
         * its kernel takes no larger groups. Not with `order`. Default: 4, or 40 for mixtures of histories alone.
         */
        sources: positive.max(100).optional(),
        /**
         * Events of one user that a training step scores against the same history. Not with `order`, nor for mixtures
         * of histories alone whose events have no time. Default: 4, or 16 for mixtures of histories alone.
         */
        targets: positive.max(100).optional(),
      })
      .prefault({}),
  })
  .prefault({});

interface Sections {
  readonly events: z.output<typeof EVENTS>;
  readonly model: z.output<typeof MODEL>;
}

/** Whether the configuration has queries with a text or a context beside their history. */
export const combinesHistory = ({ user, query, context }: Sections["events"]): boolean =>
  user !== undefined && (query !== undefined || context.length > 0);

/** What of `model.history` follows from the events. */
export interface FilledHistory {
  readonly as: HistoryForm;
  readonly order: boolean;
  readonly tilt: number;
}

/** `model.history`, filled in. */
export function filledHistory<M extends Sections["model"]>({
  events,
  model,
}: {
  events: Sections["events"];
  model: M;
}) {
  const { as } = model.history;
  const canOrder = as === "mixture" && events.user !== undefined && !combinesHistory(events);
  const order = model.history.order ?? (canOrder && events.time !== undefined);
  const tilt = order ? 0 : combinesHistory(events) ? TILT_BESIDE : TILT;
  return { ...model.history, order, tilt: model.history.tilt ?? tilt };
}
