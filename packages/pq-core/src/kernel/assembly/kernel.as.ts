// What src/kernel/wasm-kernel.ts calls.
import { byResidual, centroidTiles, nlist, TABLE } from "./shape.as";
import { probe } from "./probe.as";
import { begin, finish, scan } from "./rank.as";
import { describeLarge } from "./summary.as";
import { productsAt, setQuery, summary } from "./tables.as";

export { configure, split } from "./shape.as";
export { prepare, setQuery, useQuery } from "./tables.as";
export { probe } from "./probe.as";
export { flush } from "./collect4.as";
export { begin, finish, rank, scan } from "./rank.as";
export { scores } from "./scan.as";
export { leastTerm, shortlist } from "./shortlist.as";
export { scoresByEach } from "./each4.as";

/** Sum of the largest entries of the query's rows, and a bound of all partial sums. */
export function summit(): f64 {
  if (centroidTiles != 1) describeLarge(TABLE, summary);
  return load<f64>(summary, 0);
}

// After `summit`.
export function summitMagnitude(): f64 {
  return load<f64>(summary, 16);
}

let numVisited: i32 = 0;

// How many cells the last search left at cellsAt.
export function visited(): i32 {
  return numVisited;
}

// A whole search of one query: table, cells, scan, ranking. `offsets` are those of
// the lists, u32 (cells + 1); `sizesAt` as in probe. Returns the number of results; cellsAt holds the cells afterwards.
export function search(nprobe: i32, k: i32, sizesAt: usize, heapAt: usize, cellsAt: usize, biasesAt: usize,
  ordinalsAt: usize, scoresAt: usize, offsets: usize, blocksAt: usize): i32 {
  setQuery();
  let best: f32 = 0, cells = 1;
  if (nlist == 0) store<u32>(cellsAt, 0);
  else cells = probe(nprobe, sizesAt, heapAt, cellsAt, biasesAt);
  numVisited = cells;
  if (byResidual) {
    best = -Infinity;
    for (let i = 0; i < cells; i++) best = max<f32>(best, productOf(cellsAt, i));
  }
  begin(k, <f64>best, -Infinity, heapAt);
  for (let i = 0; i < cells; i++) {
    const list = offsets + (<usize>load<u32>(cellsAt + (<usize>i << 2)) << 2);
    scan(load<u32>(list, 0), load<u32>(list, 4), 0, byResidual ? productOf(cellsAt, i) : 0, 0, blocksAt);
  }
  return finish(ordinalsAt, scoresAt);
}

// @ts-ignore: decorator
@inline
function productOf(cellsAt: usize, i: i32): f32 {
  return load<f32>(productsAt + (<usize>load<u32>(cellsAt + (<usize>i << 2)) << 2));
}

// Which build this is.
export function isRelaxed(): bool {
  return ASC_FEATURE_RELAXED_SIMD;
}
