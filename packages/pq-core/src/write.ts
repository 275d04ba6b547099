/**
 * Makes what `openArtifact` reads, changes it, and looks into its files: codebooks, codes, artifacts, deltas.
 *
 * @module
 */
export { compactArtifact } from "./catalogue/compact.ts";
export { type CatalogueChanges, type DeltaArtifact, writeDelta } from "./catalogue/delta-writer.ts";

export { type CodebookInput, createCodebook, MAX_SPREAD, METRICS } from "./codebook/codebook.ts";
export { decode, decodedSquares, decodeRotated } from "./codebook/decode.ts";
export { encode } from "./codebook/encode.ts";
export { type QueryMoments, scoreAware } from "./codebook/score-aware.ts";
export {
  layoutFor,
  type PagedArtifactInput,
  withWordFacts,
  writeArtifact,
  writePagedArtifact,
} from "./format/artifact-writer.ts";
export { type ChunkHeader, isChunk, readChunkHeader } from "./format/chunk-header.ts";
export type { ChunkSink } from "./format/chunk-list.ts";
export { FORMAT, FORMAT_VERSION, MAX_CHUNK_BYTES, MAX_MANIFEST_BYTES } from "./format/constants.ts";
export type { FilterNames } from "./format/filter-pages.ts";
export { compareIds, toIds } from "./format/ids.ts";
export type { LookupSlice, PagedItems, RowSlice } from "./format/paged-writer.ts";
export { canBePopular, MAX_POPULAR_BYTES, MAX_POPULAR_QUERIES } from "./format/popular-queries.ts";
export { MOST_IMPACT } from "./format/posting-list.ts";
export type { TermRange } from "./kernel/blocks.ts";
export { coarseTerms, innerProductTable, probeScore, queryLength } from "./kernel/distance-table.ts";
export { encodeFast } from "./kernel/wasm-encode.ts";
