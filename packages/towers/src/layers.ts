/** y = x·weights + bias; every layer but the last is followed by ReLU. */
export interface DenseLayer {
  readonly inputDim: number;
  readonly outputDim: number;
  /** (inputDim, outputDim), row-major */
  readonly weights: Float32Array;
  /** (outputDim) */
  readonly bias: Float32Array;
}

/**
 * Multi-layer perceptron over one vector, with a skip connection from its input to its output when `skip` is set (both
 * then have the same width): the bag of words alone already points the right way, and the layers learn the correction.
 * Sums run in double precision, so the result does not depend on the order in which a backend adds.
 */
export function mlp(layers: readonly DenseLayer[], input: ArrayLike<number>, skip: boolean): Float64Array {
  let x: Float64Array = new Float64Array(input);
  layers.forEach((layer, index) => {
    const y = new Float64Array(layer.bias);
    addProduct(x, layer, y);
    if (index < layers.length - 1) for (let o = 0; o < y.length; o++) y[o] = Math.max(0, y[o]!);
    x = y;
  });
  if (skip) for (let i = 0; i < x.length; i++) x[i]! += input[i]!;
  return x;
}

/** y += x·weights. Four rows go in one pass over y, added one after the other as in one pass for each. */
function addProduct(x: Float64Array, { weights, inputDim, outputDim }: DenseLayer, y: Float64Array): void {
  let i = 0;
  for (; i + 4 <= inputDim; i += 4) {
    const [a, b, c, d] = [x[i]!, x[i + 1]!, x[i + 2]!, x[i + 3]!];
    const first = i * outputDim;
    const [second, third, fourth] = [first + outputDim, first + 2 * outputDim, first + 3 * outputDim];
    for (let o = 0; o < outputDim; o++)
      y[o] =
        y[o]! + a * weights[first + o]! + b * weights[second + o]! + c * weights[third + o]! + d * weights[fourth + o]!;
  }
  for (; i < inputDim; i++) for (let o = 0; o < outputDim; o++) y[o]! += x[i]! * weights[i * outputDim + o]!;
}

/** x / ‖x‖ in single precision; the zero vector stays zero. */
export function l2Normalize(x: ArrayLike<number>): Float32Array {
  let squared = 0;
  for (let i = 0; i < x.length; i++) squared += x[i]! * x[i]!;
  const norm = squared > 0 ? 1 / Math.sqrt(squared) : 0;
  const unit = new Float32Array(x.length);
  for (let i = 0; i < x.length; i++) unit[i] = x[i]! * norm;
  return unit;
}
