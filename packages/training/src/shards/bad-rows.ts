import { UserError } from "@poeem/offline/errors";

/** Shards with rows that no index can have: no other run of them will do better. */
export class BadRowsError extends UserError {}
