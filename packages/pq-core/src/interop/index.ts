/**
 * Files of other libraries: the original Poeem's index is read, Faiss's is written.
 *
 * @module
 */
export { type FaissInput, writeFaissIndex } from "./faiss.ts";
export { type PoeemImport, readPoeemIndex } from "./poeem.ts";
