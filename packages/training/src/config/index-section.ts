import { MAX_POPULAR_QUERIES, METRICS } from "@poeem/pq-core/write";
import { z } from "zod";
import { LOSS_SHAPE } from "./losses.ts";
import { positive } from "./values.ts";

export const INDEX = z
  .strictObject({
    /**
     * Coarse cells; 0 for none. Default: 64 (256 for histories with an order), or the largest power of two that leaves
     * every cell 32 items on average. For histories alone in fewer than 16 bytes 256, or with an order 512 or what
     * leaves 16 items; for vectors alone about twice the square root of the number of items.
     */
    nlist: z.number().int().min(0).optional(),
    /**
     * Codes per item, each of `nbits` bits; `model.dim` is a multiple of it. Default: 32, or 16 for vectors alone,
     * for texts with embeddings and for histories alone that have an order (up to 100,000 items, or where `model.dim`
     * is no multiple of 32).
     */
    numSubQuantizers: positive.optional(),
    /**
     * Bits per code. Default: 4, or 8 where there are 16 codes by default; of histories 4 where `numSubQuantizers` is
     * set, or a `bufferSize` below 256. Of as many bytes 8 bits keep more, and take three to six times as long to scan,
     * once for each item of a history. In 8 bytes 8 × 8 bits find more for every history.
     */
    nbits: z.union([z.literal(4), z.literal(8)]).optional(),
    /**
     * How vectors are compared, for vectors alone: innerProduct; cosine, of which the lengths do not count; l2, the
     * smaller distance first. Default: cosine.
     */
    metric: z.enum(METRICS).optional(),
    /**
     * Cells visited by default. Default: 32 (half of the usual cells for histories with an order), or all where there
     * are fewer. For vectors alone as many as hold what 32 cells do on average, an eighth of them, or 8,192 vectors,
     * whichever is most.
     */
    nprobe: positive.optional(),
    /**
     * Share of the training steps before the quantizer starts (Poeem's warm start). Default: 0.4; for mixtures of
     * histories alone 0.02, or 0.1 with an order.
     */
    warmup: z.number().min(0).max(0.95).optional(),
    // Each loss says itself what its options are.
    ...LOSS_SHAPE,
    /**
     * Codes that keep the scores of the training's queries, not the item vectors: after the training each item's
     * sub-codes are chosen anew, one after the other, for the least squared error of q·x̂. Default: where queries
     * have histories, which gain by it (texts do not), and for vectors alone. Of those the codebooks are learned by
     * it, too: by `data.queries` (or, but for l2, by the items as if they were asked) and, but for l2, by what an
     * item's own direction is worth. By l2 the four bytes beside an item's codes hold what is known of the queries that
     * it is compared with; a line says what that keeps.
     */
    scoreAware: z.boolean().optional(),
    /**
     * Item vectors gathered for the k-means start of the centroids. Default: 8192, or half of those met after the
     * warm-up, and as many as there are centroids. Of vectors alone all is learned from so many, by default 65,536
     * (fewer of more than 512 numbers).
     */
    bufferSize: positive.optional(),
    /**
     * Whether items are found by their words too: those of `items.text`, of the title and of the queries that led to
     * them in training. Default: where queries are texts.
     */
    words: z.boolean().optional(),
    /**
     * How many of the most frequent training queries the index shows to everybody, at `GET /suggest?q=` and on a page
     * where nothing is searched yet: only those that three users asked (without users: of three events), and none that
     * looks like an address or a telephone number. They are what people typed; 0 to keep them out of the index.
     */
    popularQueries: z.number().int().min(0).max(MAX_POPULAR_QUERIES).default(12),
  })
  .prefault({});
