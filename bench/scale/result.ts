import type { Assembled, Check } from "./assemble.ts";
import type { Encoded } from "./engines.ts";
import type { NodeSearch } from "./search.ts";
import type { WorkerSearch } from "./workerd.ts";

/** One engine's run: what it took, and whether its bytes are those of the first one. */
export interface EngineRow extends Encoded {
  readonly shardsEqual: boolean;
  readonly indexEqual: boolean;
  readonly assembled: Assembled;
}

export interface ScaleResult {
  readonly items: number;
  /** Times that shards were written over; 1 = all items were encoded. */
  readonly repeat: number;
  readonly partitions: number;
  readonly executors: number;
  readonly dims: number;
  readonly cells: number;
  readonly bare: boolean;
  readonly processor: string;
  readonly processors: number;
  readonly trainSeconds: number;
  readonly makeSeconds: number;
  readonly partBytes: number;
  readonly engines: readonly EngineRow[];
  readonly checks: readonly Check[];
  readonly node: Omit<NodeSearch, "asked">;
  readonly workerd: WorkerSearch | undefined;
}
