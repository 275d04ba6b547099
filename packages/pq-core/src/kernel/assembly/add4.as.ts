// Adds one row of table entries to the sums of a block: codes in the low and in the high halves of its bytes.

// @ts-ignore: decorator
@inline
function lookUp(table: v128, index: v128): v128 {
  // Indices are 0–15, where relaxed and plain swizzle agree on every machine.
  return ASC_FEATURE_RELAXED_SIMD ? i8x16.relaxed_swizzle(table, index) : i8x16.swizzle(table, index);
}

// @ts-ignore: decorator
@inline
export function addLow(sum: v128, table: v128, codes: v128): v128 {
  return i8x16.add_sat_u(sum, lookUp(table, v128.and(codes, i8x16.splat(15))));
}

// @ts-ignore: decorator
@inline
export function addHigh(sum: v128, table: v128, codes: v128): v128 {
  // A 16-bit shift and a mask: x86 has no 8-bit shift, and emulating it costs a fifth of the scan.
  return i8x16.add_sat_u(sum, lookUp(table, v128.and(i16x8.shr_u(codes, 4), i8x16.splat(15))));
}
