/**
 * What `openArtifact` is handed by those who need it, so that nobody bundles the rest.
 *
 * @module
 */
import { deltas } from "./delta/read.ts";
import { filters } from "./search/filters.ts";
import { merging } from "./search/merging.ts";
import { paging } from "./search/paging.ts";
import { refining } from "./search/refining.ts";

export { scalarKernel } from "./scalar-kernel.ts";
export { deltas, filters, merging, paging, refining };

/** All of them, for whoever serves any index and any search: `openArtifact(source, manifest, { kernel, ...allParts })`. */
export const allParts = { deltas, filters, merging, paging, refining } as const;
