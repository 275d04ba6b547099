// One sweep of coordinate descent over a vector's sub-codes; src/codebook/score-aware.ts is the definition, and gives
// the same bits: every product and every sum is a float32, in this order, none fused.

// sums += factor · row, both (padded), a multiple of 8
// @ts-ignore: decorator
@inline
function addRow(sums: usize, factor: f32, row: usize, padded: i32): void {
  const f = f32x4.splat(factor);
  for (let end = sums + (<usize>padded << 2); sums < end; sums += 32, row += 32) {
    v128.store(sums, f32x4.add(v128.load(sums), f32x4.mul(f, v128.load(row))));
    v128.store(sums, f32x4.add(v128.load(sums, 16), f32x4.mul(f, v128.load(row, 16))), 16);
  }
}

// Costs of the tiles·16 centroids of a sub-quantizer, tiles (tile, subDim, 16): e·(rest + Hₘₘ·e), e = residual
// − centroid.
function score(costs: usize, residual: usize, centroids: usize, tiles: i32, subDim: i32, rest: usize, block: usize,
  rowBytes: usize): void {
  for (let quarter = 0; quarter < tiles << 2; quarter++) {
    const from = centroids + (<usize>(quarter >> 2) * <usize>subDim << 6) + (<usize>(quarter & 3) << 4);
    let cost = f32x4.splat(0);
    for (let d = 0; d < subDim; d++) {
      let slope = v128.load32_splat(rest + (<usize>d << 2));
      for (let f = 0; f < subDim; f++) {
        const e = f32x4.sub(v128.load32_splat(residual + (<usize>f << 2)), v128.load(from + (<usize>f << 6)));
        slope = f32x4.add(slope, f32x4.mul(e, v128.load32_splat(block + <usize>f * rowBytes + (<usize>d << 2))));
      }
      const e = f32x4.sub(v128.load32_splat(residual + (<usize>d << 2)), v128.load(from + (<usize>d << 6)));
      cost = f32x4.add(cost, f32x4.mul(e, slope));
    }
    v128.store(costs + (<usize>quarter << 4), cost);
  }
}

// Addresses: residual (dim) f32; codes (m) u8, changed in place; sub tiles as `encode` has them; moment (dim, padded)
// f32; scratch for 3 rows of (padded) and the costs of tiles·16 f32.
export function improve(dim: i32, padded: i32, m: i32, tiles: i32, residual: usize, codes: usize, subAt: usize,
  moment: usize, scratch: usize): void {
  const rowBytes = <usize>padded << 2;
  const errors = scratch;
  const weighted = errors + rowBytes;
  const rest = weighted + rowBytes;
  const costs = rest + rowBytes;
  const subDim = dim / m;
  const tileBytes = <usize>subDim << 6;
  memory.fill(weighted, 0, rowBytes);
  for (let j = 0; j < m; j++) {
    const code = <i32>load<u8>(codes + j);
    const centroid = subAt + <usize>(j * tiles + (code >> 4)) * tileBytes + (<usize>(code & 15) << 2);
    for (let d = 0; d < subDim; d++) {
      const at = <usize>(j * subDim + d) << 2;
      store<f32>(errors + at, load<f32>(residual + at) - load<f32>(centroid + (<usize>d << 6)));
    }
  }
  for (let d = 0; d < dim; d++)
    addRow(weighted, load<f32>(errors + (<usize>d << 2)), moment + <usize>d * rowBytes, padded);
  for (let j = 0; j < m; j++) {
    const base = <usize>(j * subDim) << 2;
    const block = moment + <usize>(j * subDim) * rowBytes + base;
    for (let d = 0; d < subDim; d++) {
      let own: f32 = 0;
      for (let f = 0; f < subDim; f++) own += load<f32>(errors + base + (<usize>f << 2))
        * load<f32>(block + <usize>f * rowBytes + (<usize>d << 2));
      store<f32>(rest + (<usize>d << 2), 2 * (load<f32>(weighted + base + (<usize>d << 2)) - own));
    }
    const centroids = subAt + <usize>(j * tiles) * tileBytes;
    score(costs, residual + base, centroids, tiles, subDim, rest, block, rowBytes);
    const old = <i32>load<u8>(codes + j);
    let best = old;
    let least = load<f32>(costs + (<usize>old << 2));
    for (let c = 0; c < tiles << 4; c++) {
      const cost = load<f32>(costs + (<usize>c << 2));
      if (cost < least) {
        least = cost;
        best = c;
      }
    }
    if (best == old) continue;
    store<u8>(codes + j, <u8>best);
    const centroid = centroids + <usize>(best >> 4) * tileBytes + (<usize>(best & 15) << 2);
    for (let d = 0; d < subDim; d++) {
      const at = base + (<usize>d << 2);
      const error = load<f32>(residual + at) - load<f32>(centroid + (<usize>d << 6));
      addRow(weighted, error - load<f32>(errors + at), moment + <usize>(j * subDim + d) * rowBytes, padded);
      store<f32>(errors + at, error);
    }
  }
}
