import type { Task } from "../task.ts";

/** How a peer ranked the test queries. */
export interface Ranked {
  /** Name in the table; peers with several sizes say the size by `bytesPerItem`. */
  readonly method: string;
  /** What ranking keeps of an item, and how that was counted where it is not plain. */
  readonly bytesPerItem: number;
  readonly counted?: string;
  /** Undefined where no seed changes anything. */
  readonly seed?: number;
  /** What was chosen on validation queries, and what came with it. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Item numbers of each test query, best first. */
  readonly ranked: readonly ArrayLike<number>[];
}

export interface Peer {
  readonly name: string;
  /** Whether a seed changes its rankings. */
  readonly seeded: boolean;
  /** Whether it ranks at each of the sizes asked for. */
  readonly sized: boolean;
  /** Why it cannot rank here, in a line; undefined where it can. */
  skipped?(task: Task, python: string | undefined): string | undefined;
  /** Chooses on validation, once for all seeds, then ranks for the test once per size and seed. */
  rank(task: Task, options: PeerOptions): AsyncIterable<Ranked>;
}

export interface PeerOptions {
  /** At least one; the first is that of the choices. */
  readonly seeds: readonly number[];
  /** Python with NumPy and SciPy. */
  readonly python: string | undefined;
  /** Bytes per item at which what can be made smaller is measured. */
  readonly bytes: readonly number[];
  /** Told of what was chosen. */
  readonly say: (line: string) => void;
}
