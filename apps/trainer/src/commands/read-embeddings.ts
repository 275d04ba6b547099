import { existsSync } from "node:fs";
import { UserError } from "@poeem/offline/errors";
import { readBytes } from "@poeem/offline/files";
import { type EmbeddingGiven, MAX_EMBEDDING } from "@poeem/towers";

/** Of numbers written out, with room for their digits and commas. */
const MOST_BYTES = 32 * MAX_EMBEDDING;

/**
 * What `--embedding` was given: numbers, or the name of a file with numbers (with or without brackets, as JSON has
 * them) or of little-endian float32.
 * @param given once for each column: a vector, or NAME=VECTOR
 * @throws UserError
 */
export async function readEmbeddings(given: readonly string[]): Promise<EmbeddingGiven> {
  const [only] = given;
  if (given.length === 1 && nameOf(only!) === undefined) return readOne(only!);
  const vectors: Record<string, Float32Array> = {};
  for (const one of given) {
    const name = nameOf(one);
    if (name === undefined)
      throw new UserError(`--embedding: expected NAME=… where there are several, got ${shown(one)}`);
    if (Object.hasOwn(vectors, name)) throw new UserError(`--embedding: expected different columns, got ${name} twice`);
    vectors[name] = await readOne(one.slice(name.length + 1));
  }
  return vectors;
}

/** What stands before the first =; a file whose name has one is written ./NAME. */
const nameOf = (text: string): string | undefined => /^([^=/\\]+)=/.exec(text)?.[1];

async function readOne(value: string): Promise<Float32Array> {
  const numbers = parseNumbers(value);
  if (numbers) return numbers;
  if (!existsSync(value))
    throw new UserError(`--embedding: expected numbers separated by commas, or a file, got ${shown(value)}`);
  const bytes = await readBytes(value, MOST_BYTES);
  const text = parseNumbers(new TextDecoder().decode(bytes));
  if (text) return text;
  if (bytes.length === 0 || bytes.length % 4 !== 0)
    throw new UserError(`${value}: expected numbers as text, or float32 of 4 bytes each, got ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

/** Numbers between commas or blanks, in brackets or not; undefined for anything else. */
function parseNumbers(text: string): Float32Array | undefined {
  const list = /^\s*\[([^[\]]*)\]\s*$/.exec(text)?.[1] ?? text;
  const parts = list.trim().split(/\s*,\s*|\s+/);
  const areNumbers = parts.every((part) => /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(part));
  return areNumbers ? Float32Array.from(parts, Number) : undefined;
}

const shown = (value: string): string => JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
