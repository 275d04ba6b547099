/**
 * Product quantization for JavaScript: codebooks, codes, inverted lists, ADC search and the artifact they travel in.
 * No dependency, no file system, no network: Node, Workers and browsers alike.
 *
 * Beside it: `/delta` writes changes to an index, `/interop` reads and writes files of other libraries, `/conformance` tests kernels.
 *
 * @module
 */
export type { Codebook, CodebookInput, Metric } from "./codebook.ts";
export { createCodebook, METRICS } from "./codebook.ts";
export type { CatalogueChanges, DeltaArtifact } from "./delta/write.ts";
export { innerProductTable } from "./distance-table.ts";
export { decode, encode } from "./encode.ts";
export { FormatError } from "./errors.ts";
export { type ChunkHeader, isChunk, readChunkHeader } from "./format/chunk-header.ts";
export { openManifest } from "./format/manifest.ts";
export { openArtifact } from "./format/open.ts";
export { writeArtifact } from "./format/write.ts";
export type { AdcKernel, KernelFactory, KernelName, Ranking } from "./kernel.ts";
export {
  chunkKey,
  claimKey,
  DEFAULT_INDEX_NAME,
  formatPointer,
  INDEX_NAME,
  type IndexPointer,
  KEY_PREFIXES,
  manifestKey,
  parsePointer,
  pointerKey,
  versionKey,
} from "./kv-layout.ts";
export { ScalarKernel } from "./scalar-kernel.ts";
export { MAX_K } from "./search/options.ts";
export type * from "./types.ts";
export { loadKernel, supportsRelaxedSimd } from "./wasm-kernel.ts";
