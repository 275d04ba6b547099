/**
 * Product quantization for JavaScript: opens an index and searches it.
 * No dependency, no file system, no network: Node, Workers and browsers alike.
 *
 * Beside it: `/write` makes codebooks, codes and artifacts and changes them, `/kv` names the keys of a published index,
 * `/interop` reads and writes files of other libraries.
 *
 * @module
 */
export type { CellSpread, Codebook, Metric } from "./codebook/codebook.ts";
export type { EncodedVectors } from "./codebook/codes.ts";
export { formatList, parseList } from "./comma-list.ts";
export { FormatError, InputError, messageOf, quote } from "./errors.ts";
export type { Artifact, ArtifactInput } from "./format/artifact-writer.ts";
export { type ArtifactChunk, type ChunkEntry, PAGED_KINDS, sha256 } from "./format/chunk.ts";
export type { ChunkSource, ReadMeter, ReadOptions } from "./format/chunk-source.ts";
export type { ChunkKind } from "./format/constants.ts";
export { type IdType, type ItemId, type ItemIds, jsonId, readId } from "./format/ids.ts";
export type { Item, ItemFields } from "./format/item-pages.ts";
export { chunkTotals, countProbed, type DeltaCounts, type KindTotal, type Manifest } from "./format/manifest.ts";
export { openManifest } from "./format/manifest-file.ts";
export { listChunks, OPEN_TABLE_BYTES } from "./format/page-tables.ts";
export type { AdcKernel, KernelFactory, KernelName, Ranking } from "./kernel/kernel.ts";
export { scalarKernel } from "./kernel/scalar-kernel.ts";
export { loadKernel, supportsRelaxedSimd } from "./kernel/wasm-kernel.ts";
export { mapLimited } from "./limited.ts";
export * from "./limits.ts";
export { type OpenOptions, openArtifact } from "./open.ts";
export type { FacetIn, Filter, NumberRange } from "./search/filter.ts";
export { MAX_COMPARISONS, parseFilter } from "./search/filter-expression.ts";
export { formatFilter } from "./search/format-filter.ts";
export type { Merge } from "./search/merge.ts";
export { MAX_K, type SearchOptions, type SearchResult } from "./search/options.ts";
export { PAGED_TOGETHER } from "./search/paging.ts";
export type { Index } from "./search/pq-index.ts";
export { checkQuery, MAX_NORM, MIN_NORM } from "./search/score.ts";
export { QUOTED, unescapeTerm } from "./search/terms.ts";
