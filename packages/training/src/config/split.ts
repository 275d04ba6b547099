import { z } from "zod";
import type { DATA } from "./data.ts";
import type { EVENTS } from "./events.ts";
import { column, columns } from "./values.ts";

const KINDS = ["hash", "last", "time", "user", "given"] as const;
export type SplitKind = (typeof KINDS)[number];

export const SPLIT = z
  .strictObject({
    /**
     * Which events are held out. hash: those whose `columns` hash to a multiple of `testModulus`. last: each user's
     * newest item. time: the newest `share` of all events. user: whole users, by the hash of their id;
     * `share` of each one's items are to be found from the rest. given: as `column`, or else `data.test`, says, such as the
     * published split of a paper. Default: given where either of the two is named, else hash.
     */
    by: z.enum(KINDS).optional(),
    /**
     * Of a split by hash; values are joined by tabs. Default: the query, or user and item where there is none. Query
     * texts are hashed as their words, without case, accents and punctuation, so that no spelling of a held-out query
     * is trained on; all other values as they are.
     */
    columns: columns.min(1).optional(),
    /** Held out when fnv1a32 % testModulus == 0; 0 holds out nothing. */
    testModulus: z.number().int().min(0).default(10),
    /** By time: share of the events, default .1. By user: share of a held-out user's items, default .2. */
    share: z.number().positive().max(0.9).optional(),
    /**
     * Of a split that is given: the column of `data.events` that says what an event is for. train (0, false), test (1,
     * true), validation (valid, dev), or history (fold-in): known of a user when they are asked, but not trained on.
     */
    column: column.optional(),
    /**
     * Queries taken out of training to watch it by, at most a twentieth of them; 0 for none. A split that is given may
     * have its own validation events; then they are these.
     */
    validation: z.number().int().min(0).max(2000).default(1000),
  })
  .prefault({});

interface Sections {
  readonly data: z.output<typeof DATA>;
  readonly events: z.output<typeof EVENTS>;
  readonly split: z.output<typeof SPLIT>;
}

/**
 * `split.by`, filled in.
 * @param refuse is told of keys that contradict each other about a split that is given
 */
export function splitKind(
  { data, events, split }: Sections,
  refuse: (wrong: boolean, why: string) => void = () => undefined,
): SplitKind {
  const named = Object.entries({ "split.column": split.column, "data.test": data.test })
    .filter(([, value]) => value !== undefined)
    .map(([key]) => key);
  const by = split.by ?? (named.length > 0 ? "given" : "hash");
  if (by === "given") {
    const got = named.length === 0 ? "neither" : "both";
    refuse(named.length !== 1, `split.by "given" expected split.column or data.test, got ${got}`);
  } else refuse(named.length > 0, `${named[0]} is for a split that is given, got split.by "${by}"`);
  for (const key of ["validation", "history"] as const) {
    refuse(data[key] !== undefined && data.test === undefined, `data.${key} expected data.test beside it, got none`);
  }
  refuse(
    data.history !== undefined && events.user === undefined,
    "data.history expected events.user to name a column, got none",
  );
  return by;
}
