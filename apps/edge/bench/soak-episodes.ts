/** What goes wrong, one thing after another, and by which line of its log a Worker tells. */

export interface Episode {
  readonly name: string;
  /** For `bad-day.js`. */
  readonly trouble: string;
  /** Its count there. */
  readonly counted: string;
  /** A line of log that tells of it. */
  readonly sign: RegExp;
  /** A version can be taken over while it lasts. */
  readonly heals?: boolean;
}

const TAKEN_OVER = /"event":"take-over"/;

/** The last of them has a little of everything. */
export const EPISODES: readonly Episode[] = [
  { name: "publishes on a good day", trouble: "", counted: "moves", sign: TAKEN_OVER, heals: true },
  {
    name: "a page with a flipped bit, stuck in a cache",
    trouble: "corrupt=0.2",
    counted: "corrupt",
    sign: /"read-again"|"kind":"damaged"/,
    heals: true,
  },
  // Some forty chunks, six at a time: longer than the lease of a load.
  {
    name: "slow reads",
    trouble: "slow=3000",
    counted: "slow",
    sign: /"kind":"late"|"event":"take-over".*"ms":\d{5}/,
    heals: true,
  },
  {
    name: "failing reads",
    trouble: "failing=0.4&failingPointers=0.4",
    counted: "failed",
    sign: /KV GET failed/,
  },
  { name: "stale pointers", trouble: "stale=0.5", counted: "stale", sign: /"event":"stale-pointer"/, heals: true },
  { name: "hanging reads", trouble: "hanging=0.1", counted: "hung", sign: /"kind":"late"|did not come within/ },
  { name: "missing chunks", trouble: "absent=0.4", counted: "absent", sign: /"kind":"missing"|has no key "chunk/ },
  { name: "values cut short", trouble: "cut=0.3", counted: "cut", sign: /"read-again"|"kind":"damaged"/ },
  {
    name: "a little of everything",
    trouble: "failing=0.01&failingPointers=0.1&hanging=0.003&absent=0.003&cut=0.003&corrupt=0.003&stale=0.1",
    counted: "failed",
    sign: TAKEN_OVER,
  },
];
