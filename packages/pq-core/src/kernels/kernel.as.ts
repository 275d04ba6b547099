// What src/wasm-kernel.ts calls.
import { centroidTiles } from "./shape.as";
import { finish as sort, start } from "./heap.as";
import { setRange } from "./scan.as";
import { beginCollect, flush } from "./collect4.as";
import { scan4 } from "./scan4.as";
import { begin4 } from "./steps4.as";
import { scan8 } from "./scan8.as";

export { configure } from "./shape.as";
export { probe, setQuery } from "./tables.as";
export { flush } from "./collect4.as";
export { scores } from "./scan.as";

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

// Which build this is.
export function isRelaxed(): bool {
  return ASC_FEATURE_RELAXED_SIMD;
}
