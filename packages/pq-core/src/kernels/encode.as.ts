// Vectors to codes in AssemblyScript. src/encode.ts is the definition of every code; this file must give the same: the
// rotation in float32, distances in float64, one lane a centroid, terms added in the order of the vector, the first of
// equals wins. src/wasm-encode.ts places everything in memory; nothing is allocated here.

const TILE: i32 = 16;

// Nearest of tiles·16 centroids laid out as (tile, d, 16) float64, to the d float64 at vectorAt; 16 float64 of scratch.
function nearest(centroidsAt: usize, tiles: i32, d: i32, vectorAt: usize, scratch: usize): i32 {
  let best = 0;
  let bestDistance: f64 = Infinity;
  for (let tile = 0; tile < tiles; tile++) {
    let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
    for (let i = 0; i < d; i++) {
      const x = v128.load64_splat(vectorAt + (<usize>i << 3));
      const at = centroidsAt + (<usize>(tile * d + i) << 7);
      let t = f64x2.sub(v128.load(at), x);
      s0 = f64x2.add(s0, f64x2.mul(t, t));
      t = f64x2.sub(v128.load(at, 16), x);
      s1 = f64x2.add(s1, f64x2.mul(t, t));
      t = f64x2.sub(v128.load(at, 32), x);
      s2 = f64x2.add(s2, f64x2.mul(t, t));
      t = f64x2.sub(v128.load(at, 48), x);
      s3 = f64x2.add(s3, f64x2.mul(t, t));
      t = f64x2.sub(v128.load(at, 64), x);
      s4 = f64x2.add(s4, f64x2.mul(t, t));
      t = f64x2.sub(v128.load(at, 80), x);
      s5 = f64x2.add(s5, f64x2.mul(t, t));
      t = f64x2.sub(v128.load(at, 96), x);
      s6 = f64x2.add(s6, f64x2.mul(t, t));
      t = f64x2.sub(v128.load(at, 112), x);
      s7 = f64x2.add(s7, f64x2.mul(t, t));
    }
    v128.store(scratch, s0);
    v128.store(scratch, s1, 16);
    v128.store(scratch, s2, 32);
    v128.store(scratch, s3, 48);
    v128.store(scratch, s4, 64);
    v128.store(scratch, s5, 80);
    v128.store(scratch, s6, 96);
    v128.store(scratch, s7, 112);
    for (let lane = 0; lane < TILE; lane++) {
      const distance = load<f64>(scratch + (<usize>lane << 3));
      if (distance < bestDistance) {
        bestDistance = distance;
        best = tile * TILE + lane;
      }
    }
  }
  return best;
}

// Encodes n vectors. dim4: dim rounded up to 4, the row length of the rotation. Addresses: vectors (n, dim) f32; cells (n)
// u32; codes (n, M) u8; rotation (dim, dim4) f32 or 0; coarse tiles (tiles, dim, 16) f64 and the same centroids (nlist, dim)
// f32; sub tiles (M, ksub / 16, subDim, 16) f64; scratch 128 + 12·dim4 bytes.
export function encode(n: i32, dim: i32, dim4: i32, coarseTiles: i32, byResidual: i32, m: i32, subTiles: i32, vectorsAt: usize, cellsAt: usize, codesAt: usize, rotationAt: usize, coarseAt: usize, coarseRowsAt: usize, subAt: usize, scratch: usize): void {
  const subDim = dim / m;
  const rotated = scratch + 128;
  const wide = rotated + (<usize>dim4 << 2);
  const subBytes = <usize>(subTiles * subDim) << 7;
  for (let i = 0; i < n; i++) {
    const vector = vectorsAt + (<usize>(i * dim) << 2);
    if (rotationAt) {
      for (let j = 0; j < dim4; j += 4) {
        let sum = f32x4.splat(0);
        for (let k = 0; k < dim; k++) {
          const x = v128.load32_splat(vector + (<usize>k << 2));
          sum = f32x4.add(sum, f32x4.mul(x, v128.load(rotationAt + (<usize>(k * dim4 + j) << 2))));
        }
        v128.store(rotated + (<usize>j << 2), sum);
      }
    } else memory.copy(rotated, vector, <usize>dim << 2);
    for (let d = 0; d < dim; d++) store<f64>(wide + (<usize>d << 3), <f64>load<f32>(rotated + (<usize>d << 2)));
    let cell = 0;
    if (coarseTiles > 0) cell = nearest(coarseAt, coarseTiles, dim, wide, scratch);
    store<u32>(cellsAt + (<usize>i << 2), cell);
    if (byResidual) {
      const centroid = coarseRowsAt + (<usize>(cell * dim) << 2);
      for (let d = 0; d < dim; d++) {
        const at = <usize>d << 2;
        store<f64>(wide + (at << 1), <f64>(load<f32>(rotated + at) - load<f32>(centroid + at)));
      }
    }
    for (let j = 0; j < m; j++) {
      const code = nearest(subAt + <usize>j * subBytes, subTiles, subDim, wide + (<usize>(j * subDim) << 3), scratch);
      store<u8>(codesAt + <usize>(i * m + j), <u8>code);
    }
  }
}
