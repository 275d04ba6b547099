import type { EmbeddingTable } from "./embedding-bag.ts";
import type { HistoryForm, HistoryHead } from "./history.ts";
import type { DenseLayer } from "./mlp.ts";
import { DEFAULT_TOKENIZER, type TokenizerConfig } from "./tokenizer.ts";

/**
 * Bytes of a query tower, little-endian, every section aligned to 16 bytes:
 *   0  "PQTW"   4  u32 format version (1 to 3)   8  u32 header length   12  u32 total length
 *   16 header: JSON { tokenizer, numRows, embeddingDim, layers: [[inputDim, outputDim], …], skip }
 *   then u32 hashes (ascending), f32 scales, i8 values, and for each layer f32 weights, f32 bias.
 * Version 2: the header may have "history" { form, length, scale, numCenters } and "contexts" ["column\tvalue", …]; then
 * follow, for attention f32 attention, for a mixture i8 values, f32 scales, f32 bias of its partition, and f32 context rows.
 * Version 3: the history may have "tilt", which a reader of version 2 would leave out of its vectors.
 */
export interface QueryTowerWeights {
  readonly tokenizer: TokenizerConfig;
  readonly table: EmbeddingTable;
  readonly layers: readonly DenseLayer[];
  /** Adds the bag to the output of the layers. */
  readonly skip: boolean;
  /** Present when the tower reads histories. */
  readonly history?: HistoryHead | undefined;
  /** Context values, as "column\tvalue", and their rows (names.length, dim), which are added to the bag. */
  readonly contexts?: { readonly names: readonly string[]; readonly rows: Float32Array } | undefined;
}

const MAGIC = 0x57545150; // "PQTW" read as a little-endian u32
// A tower of version 1 reads text alone; of version 2, its header may have "history" and "contexts", with sections behind
// those of version 1; of version 3, its history may have "tilt". A tower is written as the least version that can say it.
const VERSIONS = [1, 2, 3];
const PREFIX = 16;
const MAX_HEADER = 1 << 20;
const LIMITS = { numRows: 1 << 24, width: 1 << 14, layers: 8, contexts: 1 << 16, centers: 1 << 16, length: 1 << 16 };

interface Header {
  tokenizer: TokenizerConfig;
  numRows: number;
  embeddingDim: number;
  layers: [number, number][];
  skip: boolean;
  history?:
    | { form: HistoryForm; length: number; scale: number; numCenters: number; tilt?: number | undefined }
    | undefined;
  /** Rows of the context table, as "column\tvalue". */
  contexts?: string[] | undefined;
}

const align = (offset: number): number => (offset + 15) & ~15;
const fail = (what: string, expected: string, got: unknown): never => {
  throw new Error(`[query-tower] "${what}" expected ${expected}, got ${String(got)}`);
};

/** Lengths in bytes of the sections behind the header, in order. */
function sections(header: Header): number[] {
  const lengths = [header.numRows * 4, header.numRows * 4, header.numRows * header.embeddingDim];
  for (const [inputDim, outputDim] of header.layers) lengths.push(inputDim * outputDim * 4, outputDim * 4);
  const dim = header.embeddingDim;
  if (header.history?.form === "attention") lengths.push(dim * 4);
  if (header.history?.form === "mixture") {
    const { numCenters } = header.history;
    lengths.push(numCenters * dim, numCenters * 4, numCenters * 4);
  }
  if (header.contexts) lengths.push(header.contexts.length * dim * 4);
  return lengths;
}

function leastVersion({ history, contexts }: Header): number {
  if (history?.tilt) return 3;
  return history || contexts ? 2 : 1;
}

/** Serializes a query tower. The bytes are the payload of the artifact's `query-tower` chunk. */
export function writeQueryTower(tower: QueryTowerWeights): Uint8Array {
  const { table, layers } = tower;
  const header: Header = {
    tokenizer: tower.tokenizer,
    numRows: table.hashes.length,
    embeddingDim: table.embeddingDim,
    layers: layers.map((layer) => [layer.inputDim, layer.outputDim]),
    skip: tower.skip,
  };
  const { history, contexts } = tower;
  if (history) {
    const { form, length, scale, tilt, partition } = history;
    header.history = { form, length, scale, numCenters: partition?.bias.length ?? 0, ...(tilt && { tilt }) };
  }
  if (contexts) header.contexts = [...contexts.names];
  checkHeader(header);
  checkFinite(tower);
  const json = new TextEncoder().encode(JSON.stringify(header));
  const parts = [table.hashes, table.scales, table.values, ...layers.flatMap((layer) => [layer.weights, layer.bias])];
  if (history?.attention) parts.push(history.attention);
  if (history?.partition) parts.push(history.partition.values, history.partition.scales, history.partition.bias);
  if (contexts) parts.push(contexts.rows);
  const lengths = sections(header);
  const total = lengths.reduce((offset, length) => align(offset + length), align(PREFIX + json.length));
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, leastVersion(header), true);
  view.setUint32(8, json.length, true);
  view.setUint32(12, total, true);
  bytes.set(json, PREFIX);
  let offset = align(PREFIX + json.length);
  parts.forEach((part, index) => {
    if (part.byteLength !== lengths[index]) fail(`section ${index}`, `${lengths[index]} bytes`, part.byteLength);
    bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), offset);
    offset = align(offset + part.byteLength);
  });
  return bytes;
}

/** Reads and checks a query tower; the arrays are copies. Throws an error naming the field, what it expected and got. */
export function readQueryTower(bytes: Uint8Array): QueryTowerWeights {
  if (bytes.byteLength < PREFIX) fail("bytes", `at least ${PREFIX} bytes`, bytes.byteLength);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) fail("magic", "PQTW", `0x${view.getUint32(0, true).toString(16)}`);
  const version = view.getUint32(4, true);
  if (!VERSIONS.includes(version)) fail("format version", VERSIONS.join(" or "), version);
  const headerLength = view.getUint32(8, true);
  if (headerLength > Math.min(MAX_HEADER, bytes.byteLength - PREFIX))
    fail("header length", `at most ${MAX_HEADER} and inside the bytes`, headerLength);
  const header = parseHeader(bytes.subarray(PREFIX, PREFIX + headerLength));
  if (version < leastVersion(header)) fail("format version", `${leastVersion(header)} with such a header`, version);
  const lengths = sections(header);
  const total = lengths.reduce((offset, length) => align(offset + length), align(PREFIX + headerLength));
  if (view.getUint32(12, true) !== total) fail("total length", `${total} bytes`, view.getUint32(12, true));
  if (bytes.byteLength !== total) fail("bytes", `${total} bytes`, bytes.byteLength);

  let offset = align(PREFIX + headerLength);
  let section = 0;
  const next = (): ArrayBuffer => {
    const length = lengths[section++]!;
    // not bytes.slice(): on Node's Buffer that is a view, not a copy
    const copy = Uint8Array.from(bytes.subarray(offset, offset + length));
    offset = align(offset + length);
    return copy.buffer;
  };
  const hashes = new Uint32Array(next());
  const scales = new Float32Array(next());
  const values = new Int8Array(next());
  const layers = header.layers.map(([inputDim, outputDim]) => ({
    inputDim,
    outputDim,
    weights: new Float32Array(next()),
    bias: new Float32Array(next()),
  }));
  const history = header.history && {
    form: header.history.form,
    length: header.history.length,
    scale: header.history.scale,
    ...(header.history.tilt && { tilt: header.history.tilt }),
    ...(header.history.form === "attention" && { attention: new Float32Array(next()) }),
    ...(header.history.form === "mixture" && {
      partition: { values: new Int8Array(next()), scales: new Float32Array(next()), bias: new Float32Array(next()) },
    }),
  };
  const contexts = header.contexts && { names: header.contexts, rows: new Float32Array(next()) };
  const { embeddingDim, tokenizer, skip } = header;
  const tower: QueryTowerWeights = {
    tokenizer,
    table: { embeddingDim, hashes, scales, values },
    layers,
    skip,
    ...(history && { history }),
    ...(contexts && { contexts }),
  };
  checkFinite(tower);
  for (let row = 1; row < hashes.length; row++) {
    // the look-up is a binary search: out of order it would miss features silently
    if (hashes[row]! <= hashes[row - 1]!) fail(`hashes[${row}]`, `more than ${hashes[row - 1]}`, hashes[row]);
  }
  return tower;
}

function checkFinite({ table, layers, history, contexts }: QueryTowerWeights): void {
  const arrays = [
    table.scales,
    ...layers.flatMap((layer) => [layer.weights, layer.bias]),
    history?.attention,
    history?.partition?.scales,
    history?.partition?.bias,
    contexts?.rows,
  ];
  for (const array of arrays) {
    if (array && !array.every(Number.isFinite)) fail("weights", "finite numbers", "NaN or infinity");
  }
}

function parseHeader(json: Uint8Array): Header {
  let header: Header;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(json));
  } catch {
    return fail("header", "JSON", "something else");
  }
  checkHeader(header);
  return header;
}

function checkHeader(header: Header): void {
  if (typeof header !== "object" || header === null) fail("header", "an object", header);
  const { tokenizer, numRows, embeddingDim, layers, skip } = header;
  const { history, contexts } = header;
  // a tower that reads no text has no rows
  integer("numRows", numRows, history || contexts ? 0 : 1, LIMITS.numRows);
  integer("embeddingDim", embeddingDim, 1, LIMITS.width);
  if (typeof skip !== "boolean") fail("skip", "a boolean", skip);
  for (const name of Object.keys(DEFAULT_TOKENIZER) as (keyof TokenizerConfig)[]) {
    integer(`tokenizer.${name}`, tokenizer?.[name], 0, 1 << 16);
  }
  if (!Array.isArray(layers) || layers.length > LIMITS.layers) fail("layers", `at most ${LIMITS.layers} pairs`, layers);
  let width = embeddingDim;
  layers.forEach((layer, index) => {
    if (!Array.isArray(layer) || layer.length !== 2) fail(`layers[${index}]`, "[inputDim, outputDim]", layer);
    if (layer[0] !== width) fail(`layers[${index}].inputDim`, String(width), layer[0]);
    integer(`layers[${index}].outputDim`, layer[1], 1, LIMITS.width);
    width = layer[1];
  });
  if (history !== undefined) checkHistory(history, width, embeddingDim);
  if (contexts !== undefined) {
    if (!Array.isArray(contexts) || contexts.length > LIMITS.contexts || !contexts.every(isContextName))
      fail("contexts", `at most ${LIMITS.contexts} strings "column\\tvalue"`, contexts);
  }
  if (skip && width !== embeddingDim) fail("skip", `an output as wide as the bag (${embeddingDim})`, width);
}

function checkHistory(history: NonNullable<Header["history"]>, width: number, embeddingDim: number): void {
  if (typeof history !== "object" || history === null) fail("history", "an object", history);
  const { form, length, scale, numCenters, tilt = 0 } = history;
  if (form !== "mixture" && form !== "mean" && form !== "attention")
    fail("history.form", "mixture, mean or attention", form);
  integer("history.length", length, 1, LIMITS.length);
  if (!(Number.isFinite(scale) && scale > 0)) fail("history.scale", "a positive number", scale);
  if (!(Number.isFinite(tilt) && tilt >= 0)) fail("history.tilt", "a number of at least 0", tilt);
  if (tilt > 0 && form !== "mixture") fail("history.tilt", "none but of a mixture", tilt);
  integer("history.numCenters", numCenters, form === "mixture" ? 1 : 0, form === "mixture" ? LIMITS.centers : 0);
  // the items of a history are as wide as the vectors that are searched
  if (width !== embeddingDim) fail("history", `layers with an output as wide as the bag (${embeddingDim})`, width);
}

function isContextName(name: unknown): boolean {
  return typeof name === "string" && name.includes("\t");
}

function integer(what: string, value: unknown, min: number, max: number): void {
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max)
    fail(what, `an integer in ${min}…${max}`, value);
}
