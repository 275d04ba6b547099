import { type CellSpread, type Codebook, checkCellSpread } from "../codebook/codebook.ts";
import { checkAssignments, checkCodes, checkTerms, type EncodedVectors } from "../codebook/codes.ts";
import { decodedSquares } from "../codebook/decode.ts";
import { checkInteger, checkLength, rangeError, typeError } from "../errors.ts";
import { blockBytes, countBlocks, hasTerms, packBlocks, type TermRange } from "../kernel/blocks.ts";
import { type ArtifactChunk, type ChunkEntry, sealChunk } from "./chunk.ts";
import { writeCodebook } from "./codebook-chunk.ts";
import { type ChunkKind, HEADER_BYTES, MAX_CHUNK_BYTES, MAX_ITEMS } from "./constants.ts";
import { type Facets, type Numbers, writeFilters } from "./filters-chunk.ts";
import { idColumn } from "./id-column.ts";
import { type ItemIds, idTypeOf } from "./ids.ts";
import { type ListOrder, orderByList } from "./inverted-lists.ts";
import { type ItemFields, writeItemPages } from "./item-pages.ts";
import { checkWordFacts, type ItemWords, type WordFacts } from "./item-words.ts";
import { writeLookupPages } from "./lookup-pages.ts";
import type { Manifest } from "./manifest.ts";
import { sealManifest } from "./manifest-file.ts";
import { checkPopularQueries } from "./popular-queries.ts";
import { checkNameLimits, checkRowLimits } from "./row-limits.ts";
import { writeWords } from "./words-writer.ts";

/** Everything `writeArtifact` needs. */
export interface ArtifactInput extends EncodedVectors {
  readonly codebook: Codebook;
  readonly ids: ItemIds;
  /** One object an item; left out = items without fields. */
  readonly fields?: readonly ItemFields[] | undefined;
  /** Facets an item can be filtered by: name → one value, several or none for each item. */
  readonly facets?: Facets | undefined;
  /** Numbers an item can be filtered by: name → one number per item; NaN = absent. */
  readonly numbers?: Numbers | undefined;
  /** The words of items; left out = none. */
  readonly words?: ItemWords | undefined;
  /** What they count for; there when `words` are. */
  readonly wordFacts?: WordFacts | undefined;
  /** What people search for most, at most as `MAX_POPULAR_QUERIES` says; none = left out. */
  readonly popularQueries?: readonly string[] | undefined;
  /** The query tower's bytes, opaque here. */
  readonly queryTower?: Uint8Array | undefined;
  /** Training facts (data hash, seed, metrics, resolved config): any JSON. */
  readonly training?: unknown;
  readonly previousVersion?: string | undefined;
  /** The nprobe a search uses when it names none. Default: all cells up to 8, else 8. */
  readonly defaultNprobe?: number | undefined;
  /** Bytes of one lists chunk, at most 8 MiB; default 4 MiB, beyond 32 MiB of lists 64 KiB or a 4096th of them. */
  readonly listChunkBytes?: number | undefined;
  /** Upper limit of one items chunk in bytes, and of one of postings but for long lists; default 256 KiB, 128 KiB. */
  readonly itemChunkBytes?: number | undefined;
}

export interface Artifact {
  readonly version: string;
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  readonly chunks: readonly ArtifactChunk[];
}

const DEFAULT_LIST_CHUNK_BYTES = 4 * 1024 * 1024;
/**
 * Lists beyond this do not stay in memory at the edge: a search reads the chunks that its cells lie in, so these are
 * about as small as a cell, though never so small that the manifest, which names them all, grows with the index.
 */
const LARGE_LIST_BYTES = 32 * 1024 * 1024;
const LEAST_LIST_CHUNK_BYTES = 64 * 1024;
const MOST_LIST_CHUNKS = 4096;
const DEFAULT_ITEM_CHUNK_BYTES = 256 * 1024;
const MAX_PART = MAX_CHUNK_BYTES - HEADER_BYTES;

/** Chunks and their manifest entries, in the order sealed; `mark` is added to every entry. */
export class ChunkList {
  readonly chunks: ArtifactChunk[] = [];
  readonly entries: ChunkEntry[] = [];
  readonly #seqs = new Map<ChunkKind, number>();
  readonly #mark: Pick<ChunkEntry, "delta">;

  constructor(mark: Pick<ChunkEntry, "delta"> = {}) {
    this.#mark = mark;
  }

  async add(kind: ChunkKind, payload: Uint8Array, first = 0, count = 0, firstId?: string): Promise<void> {
    const seq = this.#seqs.get(kind) ?? 0;
    this.#seqs.set(kind, seq + 1);
    const { chunk, entry } = await sealChunk(kind, seq, first, count, payload);
    this.chunks.push(chunk);
    this.entries.push({ ...entry, ...(firstId === undefined ? {} : { firstId }), ...this.#mark });
  }

  /** A payload of any size as one or more chunks, to be read as one. */
  async addParts(kind: ChunkKind, payload: Uint8Array): Promise<void> {
    for (let at = 0; at === 0 || at < payload.length; at += MAX_PART)
      await this.add(kind, payload.subarray(at, at + MAX_PART));
  }
}

/**
 * Makes the immutable artifact of one version: a manifest and content-addressed chunks, as docs/format.md defines.
 * Pure: equal input gives equal bytes.
 *
 * @throws TypeError or RangeError that names the part which does not fit; InputError for ids, names and values beyond
 * the limits of limits.ts
 */
export async function writeArtifact(input: ArtifactInput): Promise<Artifact> {
  checkNameLimits(input);
  checkRowLimits(input);
  return writeRows(input);
}

/** The same of items that an index has already: those beyond the limits of today stay in it. */
export async function writeRows(input: ArtifactInput): Promise<Artifact> {
  const { codebook, words, wordFacts, popularQueries } = input;
  if ((words === undefined) !== (wordFacts === undefined))
    throw typeError(
      "wordFacts",
      words === undefined ? "nothing without words" : "a value, since there are words",
      wordFacts,
    );
  if (wordFacts !== undefined) checkWordFacts("wordFacts", wordFacts);
  // a codebook may have been put together without `createCodebook`
  if (codebook.cellSpread) checkCellSpread("codebook.cellSpread", codebook.cellSpread, codebook);
  const hasQueries = popularQueries !== undefined && popularQueries?.length !== 0;
  if (hasQueries) checkPopularQueries("popularQueries", popularQueries);
  const defaultNprobe = input.defaultNprobe ?? Math.min(8, Math.max(1, codebook.nlist));
  checkInteger("defaultNprobe", defaultNprobe, 1, Math.max(1, codebook.nlist));
  const list = new ChunkList();
  await addItems(list, input, "codebook", ({ offsets, range }) => writeCodebook({ codebook, offsets, range }));
  if (input.queryTower !== undefined) await list.addParts("query-tower", input.queryTower);
  const { manifest, manifestBytes } = await sealManifest(
    {
      dim: codebook.dim,
      metric: codebook.metric,
      nlist: codebook.nlist,
      numSubQuantizers: codebook.numSubQuantizers,
      nbits: codebook.nbits,
      byResidual: codebook.byResidual,
      hasRotation: codebook.rotation !== undefined,
      ...(codebook.cellSpread && { cellSpread: spreadInOrder(codebook.cellSpread) }),
      numItems: input.ids.length,
      idType: idTypeOf(input.ids),
      hasFields: input.fields !== undefined,
      defaultNprobe,
      ...(wordFacts === undefined ? {} : { words: factsInOrder(wordFacts) }),
      ...(hasQueries ? { queries: popularQueries } : {}),
      chunks: list.entries,
      ...(input.training === undefined ? {} : { training: input.training }),
    },
    input.previousVersion,
  );
  return { version: manifest.version, manifest, manifestBytes, chunks: list.chunks };
}

/**
 * The same artifact with words that count for something else: they are chosen by searching what was written. No chunk
 * changes.
 *
 * @throws TypeError for an artifact without words; TypeError or RangeError for facts that cannot be
 */
export async function withWordFacts<T extends Artifact>(artifact: T, facts: WordFacts): Promise<T> {
  const { format, formatVersion, version, previousVersion, checksum, ...content } = artifact.manifest;
  if (content.words === undefined) throw typeError("artifact", "an artifact with words", artifact);
  checkWordFacts("facts", facts);
  const sealed = await sealManifest({ ...content, words: factsInOrder(facts) }, previousVersion);
  return { ...artifact, ...sealed, version: sealed.manifest.version };
}

/** Equal facts are equal bytes. */
function spreadInOrder({ weight, length }: CellSpread): CellSpread {
  return { weight, length };
}

function factsInOrder({ rules, dense, words, near }: WordFacts): WordFacts {
  return { rules, dense, words, ...(near === undefined ? {} : { near }) };
}

function defaultListChunkBytes(codebook: Codebook, n: number): number {
  const size = blockBytes(codebook);
  const all = countBlocks(n) * size;
  if (all <= LARGE_LIST_BYTES) return DEFAULT_LIST_CHUNK_BYTES;
  const bytes = Math.max(LEAST_LIST_CHUNK_BYTES, Math.ceil(all / MOST_LIST_CHUNKS), size) + HEADER_BYTES;
  return Math.min(bytes, MAX_CHUNK_BYTES);
}

/** Where the items came to lie: input position of each ordinal, list offsets, range of the terms. */
export interface LaidOut extends ListOrder {
  readonly range: TermRange;
}

/**
 * Checks items and adds every chunk that holds something of them, in list order. First of all comes a payload that
 * depends on where they lie, `head` of the kind `kind`.
 */
export async function addItems(
  list: ChunkList,
  input: ArtifactInput,
  kind: ChunkKind,
  head: (laidOut: LaidOut) => Uint8Array,
): Promise<void> {
  const { codebook, assignments, codes, terms, ids, fields } = input;
  const n = ids.length;
  checkInteger("ids.length", n, 0, MAX_ITEMS);
  const column = idColumn(ids);
  checkAssignments(assignments, n, codebook.nlist);
  checkCodes(codes, n, codebook);
  if (terms !== undefined) checkTerms(terms, n, codebook);
  if (fields !== undefined) checkLength("fields", fields, n);
  const listChunkBytes = input.listChunkBytes ?? defaultListChunkBytes(codebook, n);
  checkInteger("listChunkBytes", listChunkBytes, blockBytes(codebook) + HEADER_BYTES, MAX_CHUNK_BYTES);
  const itemChunkBytes = input.itemChunkBytes ?? DEFAULT_ITEM_CHUNK_BYTES;
  checkInteger("itemChunkBytes", itemChunkBytes, 1024, MAX_CHUNK_BYTES);

  const { order, offsets } = orderByList(assignments, Math.max(codebook.nlist, 1), column.byId);
  const { blocks, range } = layOut(input, order);
  await list.addParts(kind, head({ order, offsets, range }));
  const size = blockBytes(codebook);
  const perChunk = Math.floor((listChunkBytes - HEADER_BYTES) / size);
  for (let first = 0; first < blocks.length / size; first += perChunk) {
    const payload = blocks.subarray(first * size, (first + perChunk) * size);
    await list.add("lists", payload, first, payload.length / size);
  }
  for (const page of writeItemPages(column, order, fields, itemChunkBytes - HEADER_BYTES)) {
    await list.add("items", page.payload, page.first, page.count);
  }
  for (const page of writeLookupPages(column, order, itemChunkBytes - HEADER_BYTES)) {
    await list.add("lookup", page.payload, page.first, page.count, page.firstId);
  }
  if (input.facets !== undefined || input.numbers !== undefined) {
    await list.addParts("filters", writeFilters(input.facets ?? {}, input.numbers ?? {}, order));
  }
  if (input.words !== undefined) {
    const { payload, pages } = writeWords(input.words, order, itemChunkBytes - HEADER_BYTES);
    await list.addParts("words", payload);
    for (const page of pages) await list.add("postings", page.payload, page.first, page.count);
  }
}

/** Codes (and terms) in list order, as blocks. */
function layOut(
  { codebook, codes, assignments, terms: given }: ArtifactInput,
  order: Uint32Array,
): { blocks: Uint8Array; range: TermRange } {
  if (!hasTerms(codebook)) return { blocks: packBlocks(codebook, codes, order), range: { min: 0, max: 0 } };
  const all = given ?? decodedSquares(codebook, assignments, codes);
  const terms = Float32Array.from(order, (from) => (codebook.metric === "l2" ? all[from]! : Math.sqrt(all[from]!)));
  const range = termRange(terms);
  return { blocks: packBlocks(codebook, codes, order, terms, range), range };
}

function termRange(terms: Float32Array): TermRange {
  if (terms.length === 0) return { min: 0, max: 0 };
  let min = Infinity;
  let max = 0;
  for (const term of terms) {
    if (!Number.isFinite(term)) throw rangeError("decoded vector", "a finite norm", term);
    min = Math.min(min, term);
    max = Math.max(max, term);
  }
  return { min, max };
}
