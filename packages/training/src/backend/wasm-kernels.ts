import * as tf from "@tensorflow/tfjs";

/** What is used of the wasm backend; `typedArrayFromHeap` gives a view that the next allocation may invalidate. */
interface WasmBackend extends tf.KernelBackend {
  incRef(dataId: object): void;
  makeOutput(shape: readonly number[], dtype: tf.DataType): tf.TensorInfo;
  typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array | Int32Array | Uint8Array;
}
type Kernel = (args: {
  inputs: Record<string, tf.TensorInfo>;
  attrs: Record<string, unknown>;
  backend: WasmBackend;
}) => tf.TensorInfo | undefined;

/**
 * Replaces four kernels of the wasm backend that cost a training step more than they should, each for the shapes that a
 * step has; every other call goes to the original (docs/experiments/trainer.md has the times).
 */
export function useFastWasmKernels(): void {
  replace("Identity", shareData);
  replace("Transpose", transposeMatrix);
  replace("GatherV2", takeRows);
  replace("Sum", sumOfRows);
}

function replace(kernelName: string, fast: Kernel): void {
  const original = tf.getKernel(kernelName, "wasm");
  if (!original || replaced.has(kernelName)) return;
  replaced.add(kernelName);
  tf.unregisterKernel(kernelName, "wasm");
  tf.registerKernel({
    ...original,
    kernelFunc: (args) => fast(args as unknown as Parameters<Kernel>[0]) ?? original.kernelFunc(args),
  });
}

const replaced = new Set<string>();

/** A clone of a tensor is the same numbers: they are shared, as `reshape` and other backends do, instead of copied. */
const shareData: Kernel = ({ inputs, backend }) => {
  const { dataId, shape, dtype } = inputs["x"]!;
  if (dtype === "string") return undefined;
  backend.incRef(dataId);
  return { dataId, shape, dtype };
};

const TILE = 32;

/** (n, m) → (m, n) by tiles that fit the first cache; the original walks one side across the whole memory. */
const transposeMatrix: Kernel = ({ inputs, attrs, backend }) => {
  const x = inputs["x"]!;
  const perm = attrs["perm"] as number[];
  if (x.dtype !== "float32" || x.shape.length !== 2 || perm[0] !== 1 || perm[1] !== 0) return undefined;
  const [n, m] = x.shape as [number, number];
  const out = backend.makeOutput([m, n], "float32");
  const from = backend.typedArrayFromHeap(x);
  const to = backend.typedArrayFromHeap(out);
  for (let row = 0; row < n; row += TILE) {
    const rowEnd = Math.min(row + TILE, n);
    for (let column = 0; column < m; column += TILE) {
      const columnEnd = Math.min(column + TILE, m);
      for (let j = column; j < columnEnd; j++) {
        for (let i = row; i < rowEnd; i++) to[j * n + i] = from[i * m + j]!;
      }
    }
  }
  return out;
};

/** table (rows, width), indices of any shape → the rows, one after the other. */
const takeRows: Kernel = ({ inputs, attrs, backend }) => {
  const { x: table, indices } = inputs as { x: tf.TensorInfo; indices: tf.TensorInfo };
  const { axis, batchDims } = attrs as { axis: number; batchDims: number };
  if (table.dtype !== "float32" || table.shape.length !== 2 || axis !== 0 || batchDims !== 0) return undefined;
  if (indices.dtype !== "int32") return undefined;
  const [count, width] = table.shape as [number, number];
  const out = backend.makeOutput([...indices.shape, width], "float32");
  const from = backend.typedArrayFromHeap(table);
  const rows = backend.typedArrayFromHeap(indices);
  const to = backend.typedArrayFromHeap(out);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    if (row < 0 || row >= count) throw new Error(`GatherV2: expected rows of 0 to ${count - 1}, got ${row}`);
    for (let d = 0, at = i * width, source = row * width; d < width; d++) to[at + d] = from[source + d]!;
  }
  return out;
};

/** (n, m) summed over n in double precision, the gradient of what is added to every row; the original transposes. */
const sumOfRows: Kernel = ({ inputs, attrs, backend }) => {
  const x = inputs["x"]!;
  const { axis, keepDims } = attrs as { axis: number | number[]; keepDims: boolean };
  const axes = [axis].flat();
  if (x.dtype !== "float32" || x.shape.length !== 2 || axes.length !== 1 || (axes[0] !== 0 && axes[0] !== -2))
    return undefined;
  const [n, m] = x.shape as [number, number];
  const out = backend.makeOutput(keepDims ? [1, m] : [m], "float32");
  const from = backend.typedArrayFromHeap(x);
  const sums = new Float64Array(m);
  for (let i = 0, at = 0; i < n; i++) for (let j = 0; j < m; j++, at++) sums[j]! += from[at]!;
  backend.typedArrayFromHeap(out).set(sums);
  return out;
};
