/**
 * What `openArtifact` is handed by those who need it, so that nobody bundles the rest.
 *
 * @module
 */
export { deltas } from "./delta/read.ts";
export { scalarKernel } from "./scalar-kernel.ts";
