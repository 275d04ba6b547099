import { z } from "zod";
import { columns } from "./values.ts";

export const SPLIT = z
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
  .prefault({});
