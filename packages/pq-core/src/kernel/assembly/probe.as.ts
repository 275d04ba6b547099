// Which cells a query visits: the best by the metric's score of their centroids.
import { cellTiles, coarseTerms, nlist, productsAt, termMode } from "./shape.as";
import { finish, offer, start, theta } from "./heap.as";

/** The nprobe best cells, best first,. */
export function probe(nprobe: i32, heapAt: usize, cellsAt: usize, scoresAt: usize): i32 {
  start(nprobe, -Infinity, heapAt);
  if (termMode == 0) offerProducts();
  else for (let l = 0; l < nlist; l++) {
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
      if (product >= theta) offer(product, l);
    }
  }
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
