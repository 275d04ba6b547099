import { cellTiles, centroidTiles, coarseTiles, codebookTiles, dim, numSubQuantizers, productsAt, queryAt, rotatedAt,
  rotationTiles, subDim, TABLE } from "./shape.as";

// Inner products of one vector with rows kept in tiles of 16: tile t holds (size, 16) floats, one lane a row.
function products(tiles: usize, count: i32, size: i32, vector: usize, out: usize): void {
  for (let t = 0; t < count; t++) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    for (let d = 0; d < size; d++) {
      const x = v128.load32_splat(vector + (<usize>d << 2));
      s0 = f32x4.add(s0, f32x4.mul(x, v128.load(tiles, 0)));
      s1 = f32x4.add(s1, f32x4.mul(x, v128.load(tiles, 16)));
      s2 = f32x4.add(s2, f32x4.mul(x, v128.load(tiles, 32)));
      s3 = f32x4.add(s3, f32x4.mul(x, v128.load(tiles, 48)));
      tiles += 64;
    }
    v128.store(out, s0, 0);
    v128.store(out, s1, 16);
    v128.store(out, s2, 32);
    v128.store(out, s3, 48);
    out += 64;
  }
}

/** The query in the codebook's space: queryAt, or rotatedAt when there is a rotation. */
export let rotated: usize = 0;

/** Rotates the query and fills the distance table. */
export function fillTable(): void {
  rotated = queryAt;
  if (rotationTiles != 0) {
    products(rotationTiles, (dim + 15) >> 4, dim, queryAt, rotatedAt);
    rotated = rotatedAt;
  }
  const tileBytes = <usize>(subDim * centroidTiles) << 6;
  const tableBytes = <usize>centroidTiles << 6;
  for (let m = 0; m < numSubQuantizers; m++) {
    products(codebookTiles + <usize>m * tileBytes, centroidTiles, subDim, rotated + (<usize>(m * subDim) << 2),
      TABLE + <usize>m * tableBytes);
  }
}

/** q·u of every cell. */
export function coarseProducts(): void {
  products(coarseTiles, cellTiles, dim, rotated, productsAt);
}

export function setQuery(): void {
  fillTable();
  coarseProducts();
}
