import type { Codebook, Manifest } from "@poeem/pq-core";
import {
  type ChunkSink,
  createCodebook,
  layoutFor,
  type PagedItems,
  writeArtifact,
  writePagedArtifact,
} from "@poeem/pq-core/write";

export interface ExampleShape {
  readonly items: number;
  readonly nlist: number;
  /**
   * Write only the first of so many equal parts of the items, and count its pages so many times: the same but for the
   * last page of a part, in a fraction of the time. Only where cells share pages; 1 by default.
   */
  readonly parts?: number;
  /** Left out: the writer's own. */
  readonly cellsPerPage?: number;
  readonly listChunkBytes?: number;
  readonly itemChunkBytes?: number;
}

export interface Example {
  readonly manifest: Manifest;
  readonly manifestBytes: number;
  /** Bytes of all chunks that were written. */
  readonly written: number;
}

const DIM = 64;
const SUB_QUANTIZERS = 32;
const ID_CHARACTERS = 10;
const FIELDS = { t: "x".repeat(80 - '{"t":""}'.length) };
const JSON_OF_FIELDS = JSON.stringify(FIELDS);
const KINDS = Array.from({ length: 20 }, (_, i) => `kind ${i}`);
const TOWER_BYTES = 10_000_000;
const MAX_TABLE_PAGES = 2048;

/**
 * An index written for its size alone, by the writer and with the layout of every index: 64 dimensions, 16 bytes of
 * codes per item, ids of 10 bytes, fields of 80 bytes, a facet of 20 values, a number, a query tower of 10 MB.
 */
export async function exampleIndex({ items, nlist, parts = 1, ...options }: ExampleShape): Promise<Example> {
  const codebook = exampleCodebook(nlist);
  const queryTower = new Uint8Array(TOWER_BYTES);
  const layout = layoutFor({ codebook, cellsPerPage: options.cellsPerPage }, items);
  const itemChunkBytes = options.itemChunkBytes;
  let written = 0;
  const sink: ChunkSink = ({ bytes }) => {
    written += bytes.length;
  };
  if (layout.cellsPerPage === 0) {
    const { listChunkBytes } = options;
    const input = { codebook, queryTower, itemChunkBytes, listChunkBytes, ...rowsInMemory(items, nlist) };
    const { manifest, manifestBytes, chunks } = await writeArtifact({ ...input, cellsPerPage: 0 });
    for (const chunk of chunks) sink(chunk);
    return { manifest, manifestBytes: manifestBytes.length, written };
  }
  const input = { ...streamedRows(items, codebook, parts, layout.cellsPerPage), queryTower, itemChunkBytes };
  const { defaultNprobe } = layout;
  const { manifest, manifestBytes } = await writePagedArtifact({ ...input, defaultNprobe }, sink);
  const scaled = scaleManifest(manifest, parts);
  const manifestGrowth = JSON.stringify(scaled.chunks).length - JSON.stringify(manifest.chunks).length;
  return { manifest: scaled, manifestBytes: manifestBytes.length + manifestGrowth, written };
}

function exampleCodebook(nlist: number): Codebook {
  const floats = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i));
  return createCodebook({
    dim: DIM,
    metric: "innerProduct",
    nlist,
    numSubQuantizers: SUB_QUANTIZERS,
    nbits: 4,
    byResidual: true,
    rotation: Float32Array.from({ length: DIM * DIM }, (_, i) => (i % (DIM + 1) === 0 ? 1 : 0)),
    coarseCentroids: floats(nlist * DIM),
    centroids: floats(DIM * 16),
  });
}

const idOf = (i: number): string => String(i).padStart(ID_CHARACTERS, "0");
const kindOf = (i: number): string => KINDS[i % KINDS.length]!;
const priceOf = (i: number): number => i % 1000;
const codesOf = (first: number, count: number): Uint8Array =>
  Uint8Array.from({ length: count * SUB_QUANTIZERS }, (_, i) => ((first * SUB_QUANTIZERS + i) * 7) % 16);

function rowsInMemory(items: number, nlist: number) {
  const each = <T>(of: (i: number) => T): T[] => Array.from({ length: items }, (_, i) => of(i));
  return {
    assignments: Uint32Array.from({ length: items }, (_, i) => Math.floor((i * nlist) / items)),
    codes: codesOf(0, items),
    ids: each(idOf),
    fields: each(() => FIELDS),
    facets: { kind: each(kindOf) },
    numbers: { price: Float64Array.from({ length: items }, (_, i) => priceOf(i)) },
  };
}

/** Items of the first part, made when the writer asks for them; the id of an item is its ordinal. */
function streamedRows(items: number, codebook: Codebook, parts: number, cellsPerPage: number): PagedItems {
  const cells = Math.max(1, codebook.nlist);
  // a part ends where a run does
  const runs = Math.ceil(cells / cellsPerPage);
  if (runs % parts !== 0) throw new RangeError(`"parts" expected a divisor of ${runs} runs, got ${parts}`);
  const end = Math.min(cells, (runs / parts) * cellsPerPage);
  const offsets = Uint32Array.from({ length: cells + 1 }, (_, c) => Math.floor((Math.min(c, end) * items) / cells));
  const numItems = offsets[cells]!;
  const counts = new Map(KINDS.map((kind, k) => [kind, Math.ceil((numItems - k) / KINDS.length)]));
  const ids = (first: number, count: number): string[] => Array.from({ length: count }, (_, i) => idOf(first + i));
  return {
    ...{ codebook, cellsPerPage, offsets, range: { min: 0, max: 0 }, idType: "string", hasFields: true },
    filters: { facets: [{ name: "kind", counts }], numbers: ["price"] },
    rows: (first, count) => ({
      codes: codesOf(first, count),
      ids: ids(first, count),
      fields: new Array<string>(count).fill(JSON_OF_FIELDS),
      facets: [Array.from({ length: count }, (_, i) => kindOf(first + i))],
      numbers: [Float64Array.from({ length: count }, (_, i) => priceOf(first + i))],
    }),
    *lookup() {
      for (let first = 0; first < numItems; first += 8192) {
        const count = Math.min(8192, numItems - first);
        yield { ids: ids(first, count), ordinals: Uint32Array.from({ length: count }, (_, i) => first + i) };
      }
    },
  };
}

/** The manifest of an index with so many times the items and pages, for its sizes alone: hashes do not fit it. */
function scaleManifest(manifest: Manifest, parts: number): Manifest {
  if (parts === 1) return manifest;
  const scaled = manifest.chunks.flatMap((chunk) => {
    if (chunk.kind === "filters") return [{ ...chunk, size: chunk.size * parts }];
    if (chunk.kind !== "pages") return [chunk];
    const pages = chunk.pages! * parts;
    const tables = Math.ceil(pages / MAX_TABLE_PAGES);
    // as many of them full as there can be
    return Array.from({ length: tables }, (_, t) => {
      const own = Math.min(MAX_TABLE_PAGES, pages - t * MAX_TABLE_PAGES);
      const share = own / chunk.pages!;
      return {
        ...chunk,
        pages: own,
        size: Math.ceil(chunk.size * share),
        count: Math.round(chunk.count * share),
        bytes: Math.round(chunk.bytes! * share),
      };
    });
  });
  return { ...manifest, numItems: manifest.numItems * parts, chunks: scaled };
}
