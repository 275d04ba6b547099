/**
 * Product quantization for JavaScript: opens an index and searches it.
 * No dependency, no file system, no network: Node, Workers and browsers alike.
 *
 * Beside it: `/parts` has what `openArtifact` is handed where it is needed, `/write` makes codebooks, codes and artifacts, `/delta`
 * changes them, `/kv` names the keys of a published index, `/encode-fast` encodes with a kernel, `/interop` reads and writes files of
 * other libraries, `/conformance` tests kernels.
 *
 * @module
 */
export type { Codebook, Metric } from "./codebook.ts";
export { FormatError, InputError } from "./errors.ts";
export { openManifest } from "./format/manifest.ts";
export { type DeltaReader, openArtifact } from "./format/open.ts";
export type { AdcKernel, KernelFactory, KernelName, Ranking } from "./kernel.ts";
export { MAX_K } from "./search/options.ts";
export type * from "./types.ts";
export { loadKernel, supportsRelaxedSimd } from "./wasm-kernel.ts";
