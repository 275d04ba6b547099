import { check } from "../errors.ts";
import type { Filters } from "./filters.ts";
import type { Merging } from "./merging.ts";
import type { Paging } from "./paging.ts";
import type { Refining } from "./refining.ts";

/** Parts of a search that `openArtifact` is handed by those who need them. */
export interface SearchParts {
  /** For `filter` and `facets()`. */
  readonly filters?: Filters | undefined;
  /** For several query vectors in one search, and for `merge`. */
  readonly merging?: Merging | undefined;
  /** For lists of more than `residentBytes`. */
  readonly paging?: Paging | undefined;
  /** For `refine`. */
  readonly refining?: Refining | undefined;
}

/** The part, or an error that says where it is to be had. */
export function needPart<T>(name: string, part: T | undefined): T {
  check(part !== undefined, `options.${name}`, `${name} of @poeem/pq-core/parts`, part);
  return part!;
}
