/**
 * Makes what `openArtifact` reads, and looks into its files: codebooks, codes, artifacts.
 *
 * @module
 */
export type { CodebookInput } from "./codebook.ts";
export { createCodebook, METRICS } from "./codebook.ts";
export { innerProductTable } from "./distance-table.ts";
export { decode, encode } from "./encode.ts";
export { type ChunkHeader, isChunk, readChunkHeader } from "./format/chunk-header.ts";
export { writeArtifact } from "./format/write.ts";
