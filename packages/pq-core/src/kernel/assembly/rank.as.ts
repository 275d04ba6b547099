// Rankings by the query that is set.
import { apart, blockBytes, centroidTiles } from "./shape.as";
import { finish as sort, start, theta } from "./heap.as";
import { setRange } from "./scan.as";
import { beginCollect, flush } from "./collect4.as";
import { scan4 } from "./scan4.as";
import { begin4 } from "./steps4.as";
import { scan8 } from "./scan8.as";

export function begin(k: i32, maxBias: f64, floor: f32, heapAt: usize): void {
  start(k, floor, heapAt);
  if (centroidTiles != 1) return;
  begin4(maxBias);
  beginCollect(k);
}

export function finish(ordinalsAt: usize, scoresAt: usize): i32 {
  flush();
  return sort(ordinalsAt, scoresAt);
}

export function scan(from: i32, to: i32, ordinal: u32, bias: f32, maskAt: usize, blocksAt: usize): void {
  if (to <= from) return;
  setRange(from, to, maskAt, blocksAt);
  if (centroidTiles == 1) scan4(ordinal, bias);
  else scan8(ordinal, bias);
}

/** Bytes of a stretch of items: u32 start and end, address of a mask or 0, f32 bias. */
export const STRETCH: usize = 16;

// The best of several stretches, whose ordinals count from block 0, by the query that is set.
export function rank(count: i32, stretchesAt: usize, k: i32, floor: f32, heapAt: usize, ordinalsAt: usize,
  scoresAt: usize, blocksAt: usize): i32 {
  const end = stretchesAt + <usize>count * STRETCH;
  let best: f32 = -Infinity;
  for (let at = stretchesAt; at < end; at += STRETCH) best = max<f32>(best, load<f32>(at, 12));
  begin(k, <f64>best, floor, heapAt);
  if (count > 0) touch(load<u32>(stretchesAt, 0), load<u32>(stretchesAt, 4), blocksAt);
  for (let at = stretchesAt; at < end; at += STRETCH) {
    if (at + STRETCH < end) touch(load<u32>(at, 16), load<u32>(at, 20), blocksAt);
    scan(load<u32>(at, 0), load<u32>(at, 4), 0, load<f32>(at, 12), load<u32>(at, 8), blocksAt);
  }
  return finish(ordinalsAt, scoresAt);
}

const PAGE: usize = 4096;
let touched: u32 = 0;

// Reads a little of each page of a stretch that is next: the processor waits for all of them at once, and fetches what
// follows while another stretch is scanned.
function touch(from: u32, to: u32, blocksAt: usize): void {
  const end = blocksAt + <usize>(to >> 5) * blockBytes;
  // Without a floor blocks are read to their last rows.
  const other = apart == 0 || theta != -Infinity ? 0 : apart + blockBytes;
  for (let at = blocksAt + <usize>(from >> 5) * blockBytes; at < end; at += PAGE)
    touched += load<u32>(at) + load<u32>(at + other);
}
