import { type CellSpread, type Codebook, checkCellSpread, MAX_NLIST } from "../codebook/codebook.ts";
import { checkAssignments, checkCodes, checkTerms } from "../codebook/codes.ts";
import { checkInteger, checkLength, typeError } from "../errors.ts";
import { blockBytes, countBlocks, hasTerms, packBlocks, type TermRange } from "../kernel/blocks.ts";
import type { ArtifactChunk, ChunkEntry } from "./chunk.ts";
import { ChunkList, type ChunkSink } from "./chunk-list.ts";
import { writeCodebook } from "./codebook-chunk.ts";
import { type ChunkKind, HEADER_BYTES, MAX_CHUNK_BYTES, MAX_ITEMS } from "./constants.ts";
import { writeFilters } from "./filters-chunk.ts";
import { idColumn } from "./id-column.ts";
import { idTypeOf } from "./ids.ts";
import { type ListOrder, orderByList } from "./inverted-lists.ts";
import { writeItemPages } from "./item-pages.ts";
import { checkWordFacts, type ItemWords, type WordFacts } from "./item-words.ts";
import { writeLookupPages } from "./lookup-pages.ts";
import type { Manifest } from "./manifest.ts";
import { sealManifest } from "./manifest-file.ts";
import { pagedRows, type Rows, termRange, termsInOrder } from "./memory-rows.ts";
import { addPagedItems, type PagedItems } from "./paged-writer.ts";
import { checkPopularQueries } from "./popular-queries.ts";
import { checkNameLimits, checkRowLimits } from "./row-limits.ts";
import { writeWords } from "./words-writer.ts";

/** Everything `writeArtifact` needs. */
export interface ArtifactInput extends Rows {
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
  /**
   * The nprobe a search uses when it names none: of cells, or where `cellsPerPage` is given of runs of so many.
   * Default: all up to 8, else 8.
   */
  readonly defaultNprobe?: number | undefined;
  /**
   * Cells whose items share their pages; 0 = none do, and the manifest lists all chunks. Default: 0 up to 32 MiB of
   * lists, beyond it as many as make pages of half a MiB.
   */
  readonly cellsPerPage?: number | undefined;
  /** Bytes of one lists chunk, at most 8 MiB; default 4 MiB, beyond 32 MiB of lists 64 KiB or a 4096th of them. */
  readonly listChunkBytes?: number | undefined;
  /**
   * Upper limit of one items chunk in bytes, and of one of postings but for long lists; default 256 KiB (512 KiB where
   * cells share pages, and about twice as much of filters), 128 KiB.
   */
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
/** Of large indexes a search reads a page for nearly each result: larger ones are read more than once. */
const PAGED_ITEM_CHUNK_BYTES = 512 * 1024;
/** A page of whole cells, on average: reads cost more than bytes do, and a search has six of them under way. */
const PAGE_OF_CELLS_BYTES = 512 * 1024;
const DEFAULT_NPROBE = 8;

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
  checkFacts(input);
  checkRows(input);
  const layout = layoutFor(input, input.ids.length);
  if (layout.cellsPerPage > 0) {
    const chunks: ArtifactChunk[] = [];
    const paged = { ...input, ...layout, ...pagedRows(input, layout.cellsPerPage) };
    return { ...(await writePagedArtifact(paged, (chunk) => void chunks.push(chunk))), chunks };
  }
  const list = new ChunkList();
  const { codebook } = input;
  await addItems(list, input, "codebook", ({ offsets, range }) => writeCodebook({ codebook, offsets, range }));
  if (input.queryTower !== undefined) await list.addParts("query-tower", input.queryTower);
  const shape = { numItems: input.ids.length, idType: idTypeOf(input.ids), hasFields: input.fields !== undefined };
  const sealed = await sealManifest(contentOf(input, shape, list.entries), input.previousVersion);
  return { ...sealed, version: sealed.manifest.version, chunks: list.chunks };
}

/** What `writePagedArtifact` needs: items that are handed over, and what else `writeArtifact` takes. */
export interface PagedArtifactInput extends PagedItems, Omit<IndexFacts, "cellsPerPage" | "codebook"> {
  /** Those of `wordRows` that each ordinal has. */
  readonly words?: ItemWords | undefined;
  readonly wordOrder?: Uint32Array | undefined;
  readonly itemChunkBytes?: number | undefined;
}

/**
 * The artifact of items that need not be in memory together: each chunk goes to `sink` as soon as it is sealed. The
 * same bytes as `writeArtifact` gives of the same items with the same `cellsPerPage`.
 *
 * @throws TypeError or RangeError that names the part which does not fit
 */
export async function writePagedArtifact(
  input: PagedArtifactInput,
  sink: ChunkSink,
): Promise<Omit<Artifact, "chunks">> {
  checkFacts(input);
  const { codebook, offsets, range, idType, hasFields, cellsPerPage } = input;
  const numItems = offsets.at(-1)!;
  checkInteger("numItems", numItems, 0, MAX_ITEMS);
  checkInteger("cellsPerPage", cellsPerPage, 1, MAX_NLIST);
  const pageBytes = input.itemChunkBytes ?? PAGED_ITEM_CHUNK_BYTES;
  checkInteger("itemChunkBytes", pageBytes, 1024, MAX_CHUNK_BYTES);
  const list = new ChunkList({}, sink);
  await list.addParts("codebook", writeCodebook({ codebook, offsets, range }));
  await addPagedItems(list, input, pageBytes);
  if (input.words !== undefined) await addWords(list, input.words, input.wordOrder!, pageBytes);
  if (input.queryTower !== undefined) await list.addParts("query-tower", input.queryTower);
  const content = contentOf(input, { numItems, idType, hasFields, cellsPerPage }, list.entries);
  const sealed = await sealManifest(content, input.previousVersion);
  return { ...sealed, version: sealed.manifest.version };
}

/** What is said of an index beside its items. */
type IndexFacts = Pick<
  ArtifactInput,
  "codebook" | "wordFacts" | "popularQueries" | "queryTower" | "training" | "previousVersion" | "defaultNprobe"
>;

function checkFacts({
  codebook,
  words,
  wordFacts,
  popularQueries,
  defaultNprobe,
}: IndexFacts & { words?: ItemWords | undefined }): void {
  if ((words === undefined) !== (wordFacts === undefined))
    throw typeError(
      "wordFacts",
      words === undefined ? "nothing without words" : "a value, since there are words",
      wordFacts,
    );
  if (wordFacts !== undefined) checkWordFacts("wordFacts", wordFacts);
  // a codebook may have been put together without `createCodebook`
  if (codebook.cellSpread) checkCellSpread("codebook.cellSpread", codebook.cellSpread, codebook);
  if (popularQueries !== undefined && popularQueries?.length !== 0)
    checkPopularQueries("popularQueries", popularQueries);
  if (defaultNprobe !== undefined) checkInteger("defaultNprobe", defaultNprobe, 1, Math.max(1, codebook.nlist));
}

/** What the manifest says, in its order. */
function contentOf(
  { codebook, wordFacts, popularQueries = [], training, defaultNprobe }: IndexFacts,
  { cellsPerPage, ...items }: Pick<Manifest, "numItems" | "idType" | "hasFields" | "cellsPerPage">,
  chunks: readonly ChunkEntry[],
) {
  const cells = Math.max(1, codebook.nlist);
  const most = Math.ceil(cells / (cellsPerPage ?? 1));
  return {
    dim: codebook.dim,
    metric: codebook.metric,
    nlist: codebook.nlist,
    numSubQuantizers: codebook.numSubQuantizers,
    nbits: codebook.nbits,
    byResidual: codebook.byResidual,
    hasRotation: codebook.rotation !== undefined,
    ...(codebook.cellSpread && { cellSpread: spreadInOrder(codebook.cellSpread) }),
    ...items,
    defaultNprobe: Math.min(most, defaultNprobe ?? DEFAULT_NPROBE),
    ...(cellsPerPage === undefined ? {} : { cellsPerPage }),
    ...(wordFacts === undefined ? {} : { words: factsInOrder(wordFacts) }),
    ...(popularQueries.length === 0 ? {} : { queries: popularQueries }),
    chunks,
    ...(training === undefined ? {} : { training }),
  };
}

/**
 * How the cells of n items share pages, 0 for not at all, and what a search visits by default then: runs that find
 * about as much as so many single cells are a fourth of them, as most of the best cells share their pages with others
 * (docs/experiments/scale.md), and no more than eight, since each is a read that somebody pays for.
 */
export function layoutFor(
  { codebook, cellsPerPage, defaultNprobe }: Pick<ArtifactInput, "codebook" | "cellsPerPage" | "defaultNprobe">,
  n: number,
): { readonly cellsPerPage: number; readonly defaultNprobe: number | undefined } {
  const usual = defaultCellsPerPage(codebook, n);
  if (cellsPerPage !== undefined || usual === 0) return { cellsPerPage: cellsPerPage ?? 0, defaultNprobe };
  const cells = Math.max(1, codebook.nlist);
  const isAll = defaultNprobe !== undefined && defaultNprobe >= cells;
  return {
    cellsPerPage: usual,
    defaultNprobe: isAll ? Math.ceil(cells / usual) : Math.min(DEFAULT_NPROBE, Math.ceil((defaultNprobe ?? 32) / 4)),
  };
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

/** 0 for lists that stay in memory at the edge. */
function defaultCellsPerPage(codebook: Codebook, n: number): number {
  const all = countBlocks(n) * blockBytes(codebook);
  if (all <= LARGE_LIST_BYTES) return 0;
  const cells = Math.max(1, codebook.nlist);
  return 2 ** Math.round(Math.log2(Math.max(1, (PAGE_OF_CELLS_BYTES * cells) / all)));
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
  checkRows(input);
  const { codebook, assignments, ids, fields } = input;
  const n = ids.length;
  const column = idColumn(ids);
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
    await list.add("lookup", page.payload, page.first, page.count, { firstId: page.firstId });
  }
  if (input.facets !== undefined || input.numbers !== undefined) {
    await list.addParts("filters", writeFilters(input.facets ?? {}, input.numbers ?? {}, order));
  }
  if (input.words !== undefined) await addWords(list, input.words, order, itemChunkBytes);
}

function checkRows({ codebook, assignments, codes, terms, ids, fields }: ArtifactInput): void {
  const n = ids.length;
  checkInteger("ids.length", n, 0, MAX_ITEMS);
  checkAssignments(assignments, n, codebook.nlist);
  checkCodes(codes, n, codebook);
  if (terms !== undefined) checkTerms(terms, n, codebook);
  if (fields !== undefined) checkLength("fields", fields, n);
}

async function addWords(list: ChunkList, words: ItemWords, order: Uint32Array, chunkBytes: number): Promise<void> {
  const { payload, pages } = writeWords(words, order, chunkBytes - HEADER_BYTES);
  await list.addParts("words", payload);
  for (const page of pages) await list.add("postings", page.payload, page.first, page.count);
}

/** Codes (and terms) in list order, as blocks. */
function layOut(input: ArtifactInput, order: Uint32Array): { blocks: Uint8Array; range: TermRange } {
  const { codebook, codes } = input;
  if (!hasTerms(codebook)) return { blocks: packBlocks(codebook, codes, order), range: { min: 0, max: 0 } };
  const terms = termsInOrder(input, order);
  const range = termRange(terms);
  return { blocks: packBlocks(codebook, codes, order, terms, range), range };
}
