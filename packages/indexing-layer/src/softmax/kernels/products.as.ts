// The three products of the softmax as register blocks of 4 × 8. V8 lets all loads of a round go before its sums: 8
// sums, 4 splats and 2 vectors make 14 of the 15 registers it hands out on x64 (with 6 × 8 they overflow, at half the
// speed). Query rows come in blocks of ROWS; the (candidates, ROWS) tile of a block has them in the lanes, so that
// logits, slopes towards queries and slopes towards candidates are all read and written in the order of memory.

// Query rows of a block: a multiple of 16, the rows that a cache line of a tile holds.
export const ROWS: i32 = 48;
// Bytes from one candidate to the next in a tile.
export const ROW_BYTES: usize = 192;
// Candidates of a register block; their number is padded to a multiple.
export const PANEL: i32 = 4;

// a·b + c; fused where the engine has it, else rounded twice.
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

// Logits of 4 candidates, (d, 4) at a, and 8 rows, (d, 8) at b, into a tile; each starts from its candidate's bias.
export function scoreBlock(d: i32, a: usize, b: usize, biases: usize, out: usize): void {
  let s0 = v128.load32_splat(biases), t0 = s0;
  let s1 = v128.load32_splat(biases, 4), t1 = s1;
  let s2 = v128.load32_splat(biases, 8), t2 = s2;
  let s3 = v128.load32_splat(biases, 12), t3 = s3;
  for (let k = 0; k < d; k++) {
    const p = v128.load(b);
    const q = v128.load(b, 16);
    let x: v128;
    x = v128.load32_splat(a);
    s0 = madd(x, p, s0);
    t0 = madd(x, q, t0);
    x = v128.load32_splat(a, 4);
    s1 = madd(x, p, s1);
    t1 = madd(x, q, t1);
    x = v128.load32_splat(a, 8);
    s2 = madd(x, p, s2);
    t2 = madd(x, q, t2);
    x = v128.load32_splat(a, 12);
    s3 = madd(x, p, s3);
    t3 = madd(x, q, t3);
    a += 16;
    b += 32;
  }
  v128.store(out, s0);
  v128.store(out, t0, 16);
  out += ROW_BYTES;
  v128.store(out, s1);
  v128.store(out, t1, 16);
  out += ROW_BYTES;
  v128.store(out, s2);
  v128.store(out, t2, 16);
  out += ROW_BYTES;
  v128.store(out, s3);
  v128.store(out, t3, 16);
}

// Of 4 rows of a tile, or of 4 of its candidates: a type, since offsets of loads have to be known to the compiler.
type OfRows = i32;
type OfCandidates = f32;

// Adds to 4 rows of 8 numbers at out the products of a tile at a, along its other side, with count rows of 8 numbers at
// b, a row every dBytes.
@inline
function addProducts<Side>(count: i32, a: usize, b: usize, dBytes: usize, out: usize): void {
  const across: usize = isInteger<Side>() ? 4 : ROW_BYTES;
  const along: usize = isInteger<Side>() ? ROW_BYTES : 4;
  let at = out;
  let s0 = v128.load(at), t0 = v128.load(at, 16);
  at += dBytes;
  let s1 = v128.load(at), t1 = v128.load(at, 16);
  at += dBytes;
  let s2 = v128.load(at), t2 = v128.load(at, 16);
  at += dBytes;
  let s3 = v128.load(at), t3 = v128.load(at, 16);
  for (let c = 0; c < count; c++) {
    const p = v128.load(b);
    const q = v128.load(b, 16);
    let x: v128;
    x = v128.load32_splat(a);
    s0 = madd(x, p, s0);
    t0 = madd(x, q, t0);
    x = v128.load32_splat(a, across);
    s1 = madd(x, p, s1);
    t1 = madd(x, q, t1);
    x = v128.load32_splat(a, 2 * across);
    s2 = madd(x, p, s2);
    t2 = madd(x, q, t2);
    x = v128.load32_splat(a, 3 * across);
    s3 = madd(x, p, s3);
    t3 = madd(x, q, t3);
    a += along;
    b += dBytes;
  }
  v128.store(out, s0);
  v128.store(out, t0, 16);
  out += dBytes;
  v128.store(out, s1);
  v128.store(out, t1, 16);
  out += dBytes;
  v128.store(out, s2);
  v128.store(out, t2, 16);
  out += dBytes;
  v128.store(out, s3);
  v128.store(out, t3, 16);
}

// Adds slope · candidates for 4 rows of a tile at a and 8 dimensions of count candidates at b, a row every dBytes.
export function queryBlock(count: i32, a: usize, b: usize, dBytes: usize, out: usize): void {
  addProducts<OfRows>(count, a, b, dBytes, out);
}

// Adds slope · queries for 4 candidates of a tile at a and 8 dimensions of count query rows at b, a row every dBytes.
export function candidateBlock(count: i32, a: usize, b: usize, dBytes: usize, out: usize): void {
  addProducts<OfCandidates>(count, a, b, dBytes, out);
}

// Logits of count candidates, in panels, for the rows of a block, in panels of 8, into a tile.
export function scoreTile(
  used: i32, count: i32, d: i32, panels: usize, rowPanels: usize, biases: usize, tile: usize,
): void {
  const panelBytes = <usize>(PANEL * d) << 2;
  const rowPanelBytes = <usize>d << 5;
  for (let c = 0; c < count; c += PANEL) {
    for (let r = 0; r < used; r += 8)
      scoreBlock(d, panels, rowPanels + <usize>(r >> 3) * rowPanelBytes, biases, tile + (<usize>r << 2));
    panels += panelBytes;
    biases += <usize>PANEL << 2;
    tile += <usize>PANEL * ROW_BYTES;
  }
}

// Adds a tile times its candidates to the slopes of its rows.
export function slopesOfRows(used: i32, count: i32, d: i32, tile: usize, candidates: usize, slopes: usize): void {
  const bytes = <usize>d << 2;
  for (let k: usize = 0; k < bytes; k += 32) {
    for (let r = 0; r < used; r += 4)
      queryBlock(count, tile + (<usize>r << 2), candidates + k, bytes, slopes + <usize>r * bytes + k);
  }
}

// Adds a tile's transpose times its rows to the slopes of its candidates.
export function slopesOfCandidates(used: i32, count: i32, d: i32, tile: usize, rows: usize, slopes: usize): void {
  const bytes = <usize>d << 2;
  for (let c = 0; c < count; c += PANEL) {
    for (let k: usize = 0; k < bytes; k += 32) candidateBlock(used, tile, rows + k, bytes, slopes + k);
    tile += <usize>PANEL * ROW_BYTES;
    slopes += <usize>PANEL * bytes;
  }
}

// (d) at from, times a number.
@inline
export function scaleRow(d: i32, from: usize, to: usize, by: f32): void {
  const factor = f32x4.splat(by);
  for (let k: usize = 0; k < <usize>d << 2; k += 16) v128.store(to + k, f32x4.mul(v128.load(from + k), factor));
}

// (count, d) rows → (count / width) panels of (d, width), so that a product reads them in the order of memory.
export function pack(from: usize, count: i32, d: i32, width: i32, to: usize): void {
  const dBytes = <usize>d << 2;
  for (let panel = 0; panel < count; panel += width) {
    for (let k = 0; k < d; k++) {
      let at = from + (<usize>k << 2);
      for (let m = 0; m < width; m++) {
        store<f32>(to, load<f32>(at));
        at += dBytes;
        to += 4;
      }
    }
    from += <usize>width * dBytes;
  }
}

// Where a tile holds a candidate of a row.
@inline
export function entry(from: usize, column: i32, row: i32): usize {
  return from + <usize>column * ROW_BYTES + (<usize>row << 2);
}
