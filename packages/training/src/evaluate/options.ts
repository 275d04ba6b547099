import type { ProgressStarter } from "@poeem/offline/progress";
import type { LoadOptions } from "../data/load.ts";

/** Which rankings an evaluation makes, and for which queries. */
export interface RankingOptions extends LoadOptions {
  /** Index folder. */
  readonly index: string;
  /** At most this many held-out queries, evenly spread, unless `all`. */
  readonly queries: number;
  readonly all?: boolean | undefined;
  /** Rows of the index; default: powers of two. */
  readonly nprobe?: number[] | undefined;
  /** Dense brute force; default true. Without it the item vectors before quantization are not needed. */
  readonly dense?: boolean | undefined;
  /** Where lists are cut, for the table and beside the usual places in the result. */
  readonly cutoffs?: readonly number[] | undefined;
  /** Bytes per item of the indexes made afterwards; `true` = those of the index. */
  readonly afterwards?: number[] | true | undefined;
  readonly startProgress?: ProgressStarter | undefined;
}
