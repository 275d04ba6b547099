import type { EmbeddingTable } from "./embedding-bag.ts";
import type { DenseLayer } from "./mlp.ts";
import { DEFAULT_TOKENIZER, type TokenizerConfig } from "./tokenizer.ts";

/**
 * Bytes of a query tower, little-endian, every section aligned to 16 bytes:
 *   0  "PQTW"   4  u32 format version (1)   8  u32 header length   12  u32 total length
 *   16 header: JSON { tokenizer, numRows, embeddingDim, layers: [[inputDim, outputDim], …], skip }
 *   then u32 hashes (ascending), f32 scales, i8 values, and for each layer f32 weights, f32 bias.
 */
export interface QueryTowerWeights {
  readonly tokenizer: TokenizerConfig;
  readonly table: EmbeddingTable;
  readonly layers: readonly DenseLayer[];
  /** Adds the bag to the output of the layers. */
  readonly skip: boolean;
}

const MAGIC = 0x57545150; // "PQTW" read as a little-endian u32
const VERSION = 1;
const PREFIX = 16;
const MAX_HEADER = 1 << 16;
const LIMITS = { numRows: 1 << 24, width: 1 << 14, layers: 8 };

interface Header {
  tokenizer: TokenizerConfig;
  numRows: number;
  embeddingDim: number;
  layers: [number, number][];
  skip: boolean;
}

const align = (offset: number): number => (offset + 15) & ~15;
const fail = (what: string, expected: string, got: unknown): never => {
  throw new Error(`[query-tower] "${what}" expected ${expected}, got ${String(got)}`);
};

/** Lengths in bytes of the sections behind the header, in order. */
function sections(header: Header): number[] {
  const lengths = [header.numRows * 4, header.numRows * 4, header.numRows * header.embeddingDim];
  for (const [inputDim, outputDim] of header.layers) lengths.push(inputDim * outputDim * 4, outputDim * 4);
  return lengths;
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
  checkHeader(header);
  checkFinite(table.scales, layers);
  const json = new TextEncoder().encode(JSON.stringify(header));
  const parts = [table.hashes, table.scales, table.values, ...layers.flatMap((layer) => [layer.weights, layer.bias])];
  const lengths = sections(header);
  const total = lengths.reduce((offset, length) => align(offset + length), align(PREFIX + json.length));
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
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
  if (view.getUint32(4, true) !== VERSION) fail("format version", String(VERSION), view.getUint32(4, true));
  const headerLength = view.getUint32(8, true);
  if (headerLength > Math.min(MAX_HEADER, bytes.byteLength - PREFIX))
    fail("header length", `at most ${MAX_HEADER} and inside the bytes`, headerLength);
  const header = parseHeader(bytes.subarray(PREFIX, PREFIX + headerLength));
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
  checkFinite(scales, layers);
  for (let row = 1; row < hashes.length; row++) {
    // the look-up is a binary search: out of order it would miss features silently
    if (hashes[row]! <= hashes[row - 1]!) fail(`hashes[${row}]`, `more than ${hashes[row - 1]}`, hashes[row]);
  }
  const { embeddingDim, tokenizer, skip } = header;
  return { tokenizer, table: { embeddingDim, hashes, scales, values }, layers, skip };
}

function checkFinite(scales: Float32Array, layers: readonly DenseLayer[]): void {
  for (const array of [scales, ...layers.flatMap((layer) => [layer.weights, layer.bias])]) {
    if (!array.every(Number.isFinite)) fail("weights", "finite numbers", "NaN or infinity");
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
  integer("numRows", numRows, 1, LIMITS.numRows);
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
  if (skip && width !== embeddingDim) fail("skip", `an output as wide as the bag (${embeddingDim})`, width);
}

function integer(what: string, value: unknown, min: number, max: number): void {
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max)
    fail(what, `an integer in ${min}…${max}`, value);
}
