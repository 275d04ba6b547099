// Which cells a query visits: of those that hold items, the best by the metric's score of their centroids.
import { cellTiles, coarseTerms, nlist, termMode } from "./shape.as";
import { finish, offer, start, theta } from "./heap.as";
import { productsAt } from "./tables.as";

let sizesAt: usize = 0; // u32 (nlist), the items of each cell; address 0 = all of them hold some

/** The nprobe best cells, best first; there must be as many that hold items. */
export function probe(nprobe: i32, sizesAt_: usize, heapAt: usize, cellsAt: usize, scoresAt: usize): i32 {
  sizesAt = sizesAt_;
  start(nprobe, -Infinity, heapAt);
  if (termMode == 0) offerProducts();
  else for (let l = 0; l < nlist; l++) {
    if (!isFilled(l)) continue;
    const product = load<f32>(productsAt + (<usize>l << 2)), term = load<f32>(coarseTerms + (<usize>l << 2));
    offer(termMode == 1 ? product - term : term > 0 ? product / term : 0, l);
  }
  return finish(cellsAt, scoresAt);
}

// 16 cells at a time are held against theta; few of them pass.
function offerProducts(): void {
  for (let t = 0; t < cellTiles; t++) {
    const at = productsAt + (<usize>t << 6);
    if (!anyAtLeast(at, theta)) continue;
    const end = min<i32>(nlist, (t + 1) << 4);
    for (let l = t << 4; l < end; l++) {
      const product = load<f32>(productsAt + (<usize>l << 2));
      if (product >= theta && isFilled(l)) offer(product, l);
    }
  }
}

// @ts-ignore: decorator
@inline
function isFilled(l: i32): bool {
  return sizesAt == 0 || load<u32>(sizesAt + (<usize>l << 2)) != 0;
}

// @ts-ignore: decorator
@inline
function anyAtLeast(at: usize, bound: f32): bool {
  const b = f32x4.splat(bound);
    return v128.any_true(v128.or(
    v128.or(f32x4.ge(v128.load(at, 0), b), f32x4.ge(v128.load(at, 16), b)),
    v128.or(f32x4.ge(v128.load(at, 32), b), f32x4.ge(v128.load(at, 48), b)),
  ));
}
