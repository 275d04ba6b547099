/**
 * Product quantization for JavaScript: codebooks, codes, inverted lists, ADC search and the artifact they travel in.
 * No dependency, no file system, no network: Node, Workers and browsers alike.
 *
 * @module
 */
export type { Codebook, CodebookInput, Metric } from "./codebook.ts";
export { createCodebook, METRICS } from "./codebook.ts";
export { FormatError } from "./errors.ts";
export {
  chunkKey,
  DEFAULT_INDEX_NAME,
  formatPointer,
  type IndexPointer,
  manifestKey,
  parsePointer,
  pointerKey,
} from "./kv-layout.ts";
export type * from "./types.ts";
