import { z } from "zod";
import { column, columns } from "./values.ts";

export const EVENTS = z
  .strictObject({
    /** Column of query texts; "query" when no user column is named either. */
    query: column.optional(),
    /** Column of user ids: the other items of an event's user are its history. */
    user: column.optional(),
    /** Column of the ids of the items that the events led to. */
    item: column.default("item"),
    /** Column of numbers, dates or timestamps. With it an event's history is only what came before it. */
    time: column.optional(),
    /**
     * Column of numbers, a million at most: how much each event counts in the loss, next to the others. 0: the item is
     * known of its user and that is all, neither trained on nor to be found. Below 0: the item is disliked
     * (`training.dislikes`), no part of a history, and not to be found.
     */
    weight: column.optional(),
    /**
     * Share of the training events, the newest ones, in which what they count in the loss falls by half: 0.1 where an
     * event counts half as much as one of now once a tenth of all are newer. 0: all ages count alike. Needs
     * `events.time`. Default: 0, or, for mixtures of histories alone with `split.by` time, that with which the counts
     * of the items foretell the newest tenth of the training events best.
     */
    halfLife: z.number().min(0).max(1).optional(),
    /** Columns with one category each that describe the moment of the query: device, country, page. */
    context: columns.default([]),
  })
  .prefault({})
  .transform((events) => ({ ...events, query: events.query ?? (events.user === undefined ? "query" : undefined) }));
