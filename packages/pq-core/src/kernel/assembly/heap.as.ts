// The k best seen: a binary heap of u64 keys, worst at the root. Larger key = better: the score's bits made sortable,
// then the complement of the ordinal, so that one comparison orders by score and then by smaller ordinal.

let heapAt: usize = 0;
let k: i32 = 0;
let kept: i32 = 0;
let floorScore: f32 = -Infinity;
/** Scores below it cannot enter; −∞ until k are kept. */
export let theta: f32 = -Infinity;

// @ts-ignore: decorator
@inline
function keyOf(score: f32, ordinal: u32): u64 {
  const bits = reinterpret<u32>(score + 0); // −0 becomes +0
  const sortable = bits ^ (bits >> 31 ? 0xffffffff : 0x80000000);
  return (<u64>sortable << 32) | <u64>~ordinal;
}

// @ts-ignore: decorator
@inline
function scoreOf(key: u64): f32 {
  const sortable = <u32>(key >> 32);
  return reinterpret<f32>(sortable ^ (sortable >> 31 ? 0x80000000 : 0xffffffff));
}

export function start(k_: i32, floor_: f32, heapAt_: usize): void {
  k = k_; heapAt = heapAt_; floorScore = floor_;
  kept = 0;
  theta = floor_;
}

/** Goes on with what was kept elsewhere: `kept_` pairs. */
export function resume(k_: i32, floor_: f32, heapAt_: usize, kept_: i32): void {
  start(k_, floor_, heapAt_);
  kept = kept_;
  if (kept == k) theta = max<f32>(floor_, scoreOf(load<u64>(heapAt)));
}

export function size(): i32 {
  return kept;
}

/** True when theta rose. */
export function offer(score: f32, ordinal: u32): bool {
  if (!(score >= theta)) return false; // NaN too
  const key = keyOf(score, ordinal);
  if (kept < k) {
    siftUp(kept++, key);
    if (kept < k) return false;
  } else {
    if (key <= load<u64>(heapAt)) return false;
    siftDown(k, key);
  }
  const worst = max<f32>(floorScore, scoreOf(load<u64>(heapAt)));
  if (worst <= theta) return false;
  theta = worst;
  return true;
}

/** Writes the kept pairs, best first; returns their number. */
export function finish(ordinalsAt: usize, scoresAt: usize): i32 {
  const n = kept;
  for (let i = n - 1; i >= 0; i--) {
    const key = load<u64>(heapAt);
    store<f32>(scoresAt + (<usize>i << 2), scoreOf(key));
    store<u32>(ordinalsAt + (<usize>i << 2), ~(<u32>key));
    siftDown(i, load<u64>(heapAt + (<usize>i << 3)));
  }
  return n;
}

function siftUp(at: i32, key: u64): void {
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const other = load<u64>(heapAt + (<usize>parent << 3));
    if (other <= key) break;
    store<u64>(heapAt + (<usize>at << 3), other);
    at = parent;
  }
  store<u64>(heapAt + (<usize>at << 3), key);
}

function siftDown(size: i32, key: u64): void {
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= size) break;
    let other = load<u64>(heapAt + (<usize>child << 3));
    if (child + 1 < size) {
      const right = load<u64>(heapAt + (<usize>child << 3), 8);
      // Without a branch: which child is worse cannot be predicted.
      const isRight = right < other;
      other = isRight ? right : other;
      child += i32(isRight);
    }
    if (other >= key) break;
    store<u64>(heapAt + (<usize>at << 3), other);
    at = child;
  }
  store<u64>(heapAt + (<usize>at << 3), key);
}
