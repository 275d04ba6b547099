import { messageOf, UserError } from "@poeem/offline/errors";
import type { DenseLayer } from "@poeem/towers";
import type { ItemTowerWeights } from "./item-tower.ts";

/** The trained item tower, inside the index folder, for `poeem encode`. Not published. */
export const ITEM_TOWER_FILE = "model/item-tower.bin";

const VERSION = 1;
const ALIGNMENT = 16;
const ARRAYS = { Float32Array, Uint32Array, Int8Array } as const;
type AnyArray = Float32Array | Uint32Array | Int8Array;

/** Everything but the arrays, and which arrays follow. */
interface Header extends Pick<ItemTowerWeights, "dim" | "tokenizer" | "categories" | "numbers" | "ids"> {
  readonly version: number;
  readonly layers: readonly (readonly [number, number])[];
  readonly arrays: readonly { readonly type: keyof typeof ARRAYS; readonly length: number }[];
}

/** Bytes: u32 length of the header, the header as JSON, then each array from a multiple of 16 on, little-endian. */
export function writeItemTower(weights: ItemTowerWeights): Uint8Array {
  const { dim, tokenizer, categories, numbers, ids, layers, text } = weights;
  const arrays: AnyArray[] = [
    ...[text.hashes, text.scales, text.values, weights.categoryRows, weights.numberRows, weights.known],
    ...layers.flatMap((layer) => [layer.weights, layer.bias]),
    ...(weights.moments ? [weights.moments.moments, weights.moments.momentOf] : []),
  ];
  const header: Header = {
    version: VERSION,
    dim,
    tokenizer,
    categories,
    numbers,
    ids,
    layers: layers.map(({ inputDim, outputDim }) => [inputDim, outputDim]),
    arrays: arrays.map((array) => ({ type: array.constructor.name as keyof typeof ARRAYS, length: array.length })),
  };
  const json = new TextEncoder().encode(JSON.stringify(header));
  const starts = layOut(json.length, header);
  const bytes = new Uint8Array(starts.at(-1)!);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, 4);
  for (const [i, { buffer, byteOffset, byteLength }] of arrays.entries())
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), starts[i]);
  return bytes;
}

/** @throws UserError when `bytes` are not what `writeItemTower` gave */
export function readItemTower(file: string, bytes: Uint8Array): ItemTowerWeights {
  try {
    const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))) as Header;
    if (header.version !== VERSION) throw new Error(`version expected ${VERSION}, got ${header.version}`);
    const starts = layOut(length, header);
    if (bytes.length !== starts.at(-1)) throw new Error(`expected ${starts.at(-1)} bytes, got ${bytes.length}`);
    const arrays = header.arrays.map(({ type, length: values }, i) => {
      const size = values * ARRAYS[type].BYTES_PER_ELEMENT;
      return new ARRAYS[type](bytes.slice(starts[i], starts[i]! + size).buffer);
    });
    const [hashes, scales, values, categoryRows, numberRows, known, ...rest] = arrays;
    const { dim, tokenizer, categories, numbers, ids } = header;
    return {
      ...{ dim, tokenizer, categories, numbers, ids },
      text: {
        embeddingDim: dim,
        hashes: hashes as Uint32Array,
        scales: scales as Float32Array,
        values: values as Int8Array,
      },
      categoryRows: categoryRows as Float32Array,
      numberRows: numberRows as Float32Array,
      known: known as Float32Array,
      layers: header.layers.map(
        ([inputDim, outputDim], i): DenseLayer => ({
          inputDim,
          outputDim,
          weights: rest[2 * i] as Float32Array,
          bias: rest[2 * i + 1] as Float32Array,
        }),
      ),
      ...(rest.length > 2 * header.layers.length && {
        moments: { moments: rest.at(-2) as Float32Array, momentOf: rest.at(-1) as Uint32Array },
      }),
    };
  } catch (error) {
    throw new UserError(`item tower ${file} cannot be read, train again: ${messageOf(error)}`);
  }
}

/** Where each array starts, and where the last one ends. */
function layOut(headerLength: number, { arrays }: Header): number[] {
  const starts: number[] = [];
  let at = 4 + headerLength;
  for (const { type, length } of arrays) {
    at = Math.ceil(at / ALIGNMENT) * ALIGNMENT;
    starts.push(at);
    at += length * ARRAYS[type].BYTES_PER_ELEMENT;
  }
  return [...starts, at];
}
