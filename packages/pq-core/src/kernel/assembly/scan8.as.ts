// 8 bits: eight items side by side, one float32 sum each, so that eight look-ups are under way at once.
import { blockBytes, numSubQuantizers, TABLE, termMode } from "./shape.as";
import { blocksAt, first, last, maskOf, offerBits } from "./scan.as";
import { theta } from "./heap.as";

export function scan8(ordinal: u32, bias: f32): void {
  for (let b = first; b <= last; b++) {
    const mask = maskOf(b);
    const block = blocksAt + <usize>b * blockBytes;
    const base = ordinal + (<u32>b << 5);
    // Without a threshold, and where a term changes the order, each item is scored by itself.
    if (termMode != 0 || theta == -Infinity) {
      offerBits(mask, block, base, bias);
      continue;
    }
    for (let lane: u32 = 0; lane < 32; lane += 8) {
      if (((mask >> lane) & 255) == 0) continue;
      let s0: f32 = 0, s1: f32 = 0, s2: f32 = 0, s3: f32 = 0, s4: f32 = 0, s5: f32 = 0, s6: f32 = 0, s7: f32 = 0;
      let at = block + lane;
      let row = TABLE;
      for (let m = numSubQuantizers; m > 0; m--) {
        s0 += load<f32>(row + (<usize>load<u8>(at, 0) << 2));
        s1 += load<f32>(row + (<usize>load<u8>(at, 1) << 2));
        s2 += load<f32>(row + (<usize>load<u8>(at, 2) << 2));
        s3 += load<f32>(row + (<usize>load<u8>(at, 3) << 2));
        s4 += load<f32>(row + (<usize>load<u8>(at, 4) << 2));
        s5 += load<f32>(row + (<usize>load<u8>(at, 5) << 2));
        s6 += load<f32>(row + (<usize>load<u8>(at, 6) << 2));
        s7 += load<f32>(row + (<usize>load<u8>(at, 7) << 2));
        at += 32;
        row += 1024;
      }
      const bits =
        u32(s0 + bias >= theta) | (u32(s1 + bias >= theta) << 1) |
        (u32(s2 + bias >= theta) << 2) | (u32(s3 + bias >= theta) << 3) |
        (u32(s4 + bias >= theta) << 4) | (u32(s5 + bias >= theta) << 5) |
        (u32(s6 + bias >= theta) << 6) | (u32(s7 + bias >= theta) << 7);
      if (bits != 0) offerBits((bits << lane) & mask, block, base, bias);
    }
  }
}
