/** A tower: the sum of its inputs → layers → unit length. It knows no input by name. */
import { FormatError } from "@poeem/pq-core";
import { arrayOf, expectFinite, expectInteger, expectThat, type Section } from "./format/sections.ts";
import type { Input, InputKind } from "./inputs/input.ts";
import { type DenseLayer, l2Normalize, mlp } from "./layers.ts";

/** What a tower computes with, as it travels. */
export interface TowerWeights<W extends { readonly kind: string }> {
  /** Numbers in the sum of the inputs. */
  readonly width: number;
  /** At most one of a kind. */
  readonly inputs: readonly W[];
  readonly layers: readonly DenseLayer[];
  /** Adds the sum to the output of the layers. */
  readonly skip: boolean;
  /** Whether vectors have length 1; default true. */
  readonly unit?: boolean | undefined;
}

/** An opened tower: `inputs` are those of its weights. */
export interface OpenTower<Of> {
  /** Width of its vectors. */
  readonly dim: number;
  readonly inputs: readonly Input<Of>[];
  /** The vector (dim) of a query or an item; undefined when nothing of it is known. */
  embed(of: Of): Float32Array | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: a list of kinds is a list of different weights
type AnyKind = InputKind<any, any>;

const LAYERS = "layers";
const MAX_WIDTH = 1 << 14;
const MAX_LAYERS = 8;

/** @param kinds the kinds there are, in the order in which their parts are added up */
export function openTower<W extends { readonly kind: string }, Of>(
  kinds: readonly AnyKind[],
  weights: TowerWeights<W>,
): OpenTower<Of> {
  const { width, layers, skip, unit = true } = weights;
  const inputs = kinds.flatMap((kind): Input<Of>[] => {
    const own = weights.inputs.find((input) => input.kind === kind.kind);
    return own ? [kind.open(own, width)] : [];
  });
  return {
    dim: layers.at(-1)?.outputDim ?? width,
    inputs,
    embed(of) {
      const sum = new Float64Array(width);
      for (const input of inputs) input.add?.(of, sum);
      // The bias of the layers would turn "nothing known" into an arbitrary direction.
      if (isZero(sum)) return undefined;
      const output = mlp(layers, sum, skip);
      return unit ? l2Normalize(output) : new Float32Array(output);
    },
  };
}

/** A loop, as it runs for every item. */
function isZero(sum: Float64Array): boolean {
  for (let d = 0; d < sum.length; d++) if (sum[d] !== 0) return false;
  return true;
}

/**
 * The sections of a tower's file.
 * @throws FormatError for weights that no reader would take: those of a training that diverged, say
 */
export function packTower<W extends { readonly kind: string }>(
  kinds: readonly AnyKind[],
  where: string,
  { width, inputs, layers, skip, unit = true }: TowerWeights<W>,
): Section[] {
  const sections: Section[] = [
    ...inputs.map((input) => ({ kind: input.kind, ...kinds.find(({ kind }) => kind === input.kind)!.pack(input) })),
    {
      kind: LAYERS,
      settings: { width, skip, unit, layers: layers.map(({ inputDim, outputDim }) => [inputDim, outputDim]) },
      arrays: layers.flatMap((layer) => [layer.weights, layer.bias]),
    },
  ];
  for (const array of sections.flatMap(({ arrays }) => arrays)) expectFinite(where, array);
  unpackTower(kinds, where, sections);
  return sections;
}

/**
 * A tower from the sections of its file. Sections of kinds that are neither inputs nor layers are the caller's if
 * `others` names them, else an error: what a reader does not know it would leave out of every vector.
 * @throws FormatError naming the field
 */
export function unpackTower<W extends { readonly kind: string }>(
  kinds: readonly AnyKind[],
  where: string,
  sections: readonly Section[],
  others: readonly string[] = [],
): TowerWeights<W> {
  const own = sections.find(({ kind }) => kind === LAYERS);
  if (!own) throw new FormatError(where, `"${LAYERS}" expected a section, got none`);
  const { width, skip, unit, layers: shapes } = own.settings as Record<string, unknown>;
  expectInteger(where, "width", width, 1, MAX_WIDTH);
  expectThat(typeof skip === "boolean", where, "skip", "a boolean", skip);
  expectThat(typeof unit === "boolean", where, "unit", "a boolean", unit);
  const layers = readLayers(where, own, shapes, width as number);
  const dim = layers.at(-1)?.outputDim ?? (width as number);
  if (skip) expectThat(dim === width, where, "skip", `an output as wide as the sum (${width})`, dim);
  const inputs: W[] = [];
  for (const section of sections) {
    if (section === own || others.includes(section.kind)) continue;
    const kind = kinds.find((known) => known.kind === section.kind);
    const names = kinds.map((known) => known.kind).join(", ");
    expectThat(kind !== undefined, where, "section", `one of ${names}, ${LAYERS}`, section.kind);
    expectThat(!inputs.some((input) => input.kind === kind.kind), where, "section", `one ${kind.kind}`, "two");
    const input = kind.unpack(where, section, width as number, dim);
    expectArrays(where, section, kind.pack(input).arrays.length);
    inputs.push(input);
  }
  expectArrays(where, own, 2 * layers.length);
  return { width: width as number, inputs, layers, skip: skip as boolean, ...(unit ? {} : { unit: false }) };
}

function expectArrays(where: string, { kind, arrays }: Section, expected: number): void {
  expectThat(arrays.length === expected, where, `${kind}.arrays`, `${expected} arrays`, arrays.length);
}

function readLayers(where: string, section: Section, shapes: unknown, width: number): DenseLayer[] {
  const isList = Array.isArray(shapes) && shapes.length <= MAX_LAYERS;
  expectThat(isList, where, "layers", `at most ${MAX_LAYERS} pairs`, shapes);
  let inputDim = width;
  return shapes.map((shape, index) => {
    expectThat(Array.isArray(shape) && shape.length === 2, where, `layers[${index}]`, "two numbers", shape);
    const outputDim = shape[1] as number;
    expectThat(shape[0] === inputDim, where, `layers[${index}].inputDim`, String(inputDim), shape[0]);
    expectInteger(where, `layers[${index}].outputDim`, outputDim, 1, MAX_WIDTH);
    const layer = {
      inputDim,
      outputDim,
      weights: arrayOf(where, section, 2 * index, "f32", inputDim * outputDim),
      bias: arrayOf(where, section, 2 * index + 1, "f32", outputDim),
    };
    inputDim = outputDim;
    return layer;
  });
}
