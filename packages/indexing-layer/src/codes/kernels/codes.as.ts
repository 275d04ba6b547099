// The nearest centroid of every sub-vector: argmax of x·c − |c|²/2, the first of equals. Terms are added as XNNPACK
// adds them for ../../quantize.ts, −|c|²/2 first, then one product after the other, each rounded: the codes are the
// same ones. ../codes-kernel.ts places everything in memory, and nothing is allocated here.

// Centroids that are looked at together; their number is a multiple.
const TILE: i32 = 16;

let m: i32 = 0, ksub: i32 = 0, subDim: i32 = 0;
let centroidsAt: usize = 0, transposedAt: usize = 0, biasesAt: usize = 0;

// Centroids (m, ksub, subDim) → (m, subDim, ksub) and (m, ksub) biases.
export function setCentroids(
  numSubQuantizers: i32, numCentroids: i32, width: i32, centroids: usize, transposed: usize, biases: usize,
): void {
  m = numSubQuantizers;
  ksub = numCentroids;
  subDim = width;
  centroidsAt = centroids;
  transposedAt = transposed;
  biasesAt = biases;
  for (let row = 0; row < m * ksub; row++) {
    let sum: f32 = 0;
    const column = transposed + (<usize>((row / ksub) * subDim * ksub + (row % ksub)) << 2);
    for (let k = 0; k < subDim; k++) {
      const value = load<f32>(centroids + (<usize>(row * subDim + k) << 2));
      store<f32>(column + (<usize>(k * ksub) << 2), value);
      sum += value * value;
    }
    store<f32>(biases + (<usize>row << 2), sum * -0.5);
  }
}

// (n, m·subDim) vectors → (n, m) codes, the same as rows of all centroids, and the centroids themselves.
export function assign(n: i32, vectors: usize, codes: usize, rows: usize, decoded: usize): void {
  for (let i = 0; i < n * m; i++) {
    const sub = i % m;
    const code = nearest(vectors, sub);
    const row = sub * ksub + code;
    store<i32>(codes, code);
    store<i32>(rows, row);
    const from = centroidsAt + (<usize>(row * subDim) << 2);
    for (let k: usize = 0; k < <usize>subDim << 2; k += 4) store<f32>(decoded + k, load<f32>(from + k));
    vectors += <usize>subDim << 2;
    decoded += <usize>subDim << 2;
    codes += 4;
    rows += 4;
  }
}

@inline
function nearest(vector: usize, sub: i32): i32 {
  const stride = <usize>ksub << 2;
  let biases = biasesAt + <usize>sub * stride;
  let centroids = transposedAt + <usize>(sub * subDim) * stride;
  let best: f32 = -Infinity;
  let code = 0;
  for (let first = 0; first < ksub; first += TILE) {
    let a = v128.load(biases), b = v128.load(biases, 16), c = v128.load(biases, 32), d = v128.load(biases, 48);
    let at = centroids;
    for (let k: usize = 0; k < <usize>subDim << 2; k += 4) {
      const x = v128.load32_splat(vector + k);
      a = f32x4.add(a, f32x4.mul(x, v128.load(at)));
      b = f32x4.add(b, f32x4.mul(x, v128.load(at, 16)));
      c = f32x4.add(c, f32x4.mul(x, v128.load(at, 32)));
      d = f32x4.add(d, f32x4.mul(x, v128.load(at, 48)));
      at += stride;
    }
    let most = f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d));
    most = f32x4.pmax(most, i32x4.shuffle(most, most, 2, 3, 0, 1));
    most = f32x4.pmax(most, i32x4.shuffle(most, most, 1, 0, 3, 2));
    const largest = f32x4.extract_lane(most, 0);
    if (largest > best) {
      best = largest;
      const low = i32x4.bitmask(f32x4.eq(a, most)) | (i32x4.bitmask(f32x4.eq(b, most)) << 4);
      const high = i32x4.bitmask(f32x4.eq(c, most)) | (i32x4.bitmask(f32x4.eq(d, most)) << 4);
      code = first + ctz(low | (high << 8));
    }
    biases += 64;
    centroids += 64;
  }
  return code;
}
