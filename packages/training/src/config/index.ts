import { z } from "zod";
import { LOSS_SHAPE } from "./losses.ts";
import { positive } from "./values.ts";

export const INDEX = z
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
  .prefault({});
