// The best terms by any of several queries in one call: of the nearest cell of each first, then of its other cells.
import { offer, resume, size, theta } from "./heap.as";
import { probe } from "./probe.as";
import { rank, STRETCH } from "./rank.as";
import { byResidual } from "./shape.as";
import { productsAt, useQuery } from "./tables.as";

/** Bytes of what is known of a query: f64 log weight, f64 shift. */
const WEIGHT: usize = 16;

let wanted: i32 = 0;
let temperature: f64 = 1;
let heapAt: usize = 0;
/** u32 (slots), ordinals + 1 of what was offered: a power of two of them, at most half of them filled. */
let seenAt: usize = 0;
let slots: u32 = 0;
let numSeen: u32 = 0;
/** Items with their first terms, as many as are wanted. */
let termsAt: usize = 0;
let numTerms: i32 = 0;
/** What a term must reach: the last of those, once there are as many. */
let least: f32 = 0;
let blocksAt: usize = 0;
/** Where the next ordinal and the next score are written, and how many of both a list has. */
let ordinalsAt: usize = 0;
let scoresAt: usize = 0;
let countsAt: usize = 0;

/**
 * @param queries that are prepared, `step` bytes from one to the next
 * @param masks u32 (cells) address of each cell's mask, 0 = none
 * @param weights (count) see WEIGHT
 * @param room for k pairs, and behind them for k + 1 or nprobe
 * @param cells (count, nprobe), left there
 * @param lists ordinals and scores (2 · count · k + 1), then counts (2 · count): of what reached the least of all then,
 *   first of each query's nearest cell, then of each query's other cells
 * @returns cells of each query; 0 where items tie for a last place: then nothing else is right
 */
export function shortlist(count: i32, queries: usize, step: usize, nprobe: i32, sizes: usize, k: i32,
  temperature_: f64, weights: usize, offsets: usize, masks: usize, cells: usize, stretches: usize, room: usize,
  seen: usize, slots_: u32, lists: usize, blocks: usize): i32 {
  wanted = k; temperature = temperature_; least = -Infinity; blocksAt = blocks;
  termsAt = room; heapAt = room + (<usize>k << 3); numTerms = 0;
  seenAt = seen; slots = slots_; numSeen = 0;
  memory.fill(seen, 0, <usize>slots_ << 2);
  ordinalsAt = lists;
  const listed = (<usize>(count * k) << 3) + 4;
  scoresAt = lists + listed;
  countsAt = scoresAt + listed;
  const planBytes = <usize>nprobe * STRETCH;
  let n = 0;
  for (let h = 0; h < count; h++) {
    useQuery(queries + <usize>h * step);
    const at = stretches + <usize>h * planBytes;
    n = probe(nprobe, sizes, heapAt, cells, at);
    for (let i = 0, to = at; i < n; i++, to += STRETCH, cells += 4) {
      const cell = <usize>load<u32>(cells) << 2;
      store<u64>(to, load<u32>(offsets + cell, 0) | <u64>load<u32>(offsets + cell, 4) << 32);
      store<u32>(to, load<u32>(masks + cell), 8);
      store<f32>(to, byResidual ? load<f32>(productsAt + cell) : 0, 12);
    }
    if (!add(1, at, weights + <usize>h * WEIGHT)) return 0;
  }
  for (let h = 0; h < count; h++) {
    useQuery(queries + <usize>h * step);
    if (!add(n - 1, stretches + <usize>h * planBytes + STRETCH, weights + <usize>h * WEIGHT)) return 0;
  }
  return n;
}

/** What the last shortlist's terms reach. */
export function leastTerm(): f32 {
  return least;
}

// Adds what the query that is set finds in some stretches; false where items tie for a last place.
function add(count: i32, stretches: usize, weight: usize): bool {
  const logWeight = load<f64>(weight, 0), shift = load<f64>(weight, 8);
  // What a score must reach: a little less, for the rounding of the division, and of what is added afterwards.
  const score = (<f64>least - logWeight) / temperature, before = score - shift;
  const floor = least == -Infinity ? least : <f32>(before - (Math.abs(before) + 2 * Math.abs(score)) * 1e-6);
  const n = rank(count, stretches, wanted + 1, floor, heapAt, ordinalsAt, scoresAt, blocksAt);
  if (n > wanted && shifted(wanted, shift) == shifted(wanted - 1, shift)) return false;
  resume(wanted, least, termsAt, numTerms);
  let taken = 0;
  for (const most = min(n, wanted); taken < most; taken++) {
    const score = shifted(taken, shift), term = <f32>(logWeight + temperature * <f64>score);
    if (term < theta) break;
    store<f32>(scoresAt + (<usize>taken << 2), score);
    const ordinal = load<u32>(ordinalsAt + (<usize>taken << 2));
    if (isNew(ordinal)) offer(term, ordinal);
  }
  numTerms = size();
  least = theta;
  store<u32>(countsAt, taken);
  countsAt += 4;
  ordinalsAt += <usize>taken << 2;
  scoresAt += <usize>taken << 2;
  return true;
}

// @ts-ignore: decorator
@inline
function shifted(i: i32, shift: f64): f32 {
  return <f32>(<f64>load<f32>(scoresAt + (<usize>i << 2)) + shift);
}

// Whether an ordinal comes for the first time; false also where there is no room to tell, which keeps `least` low.
function isNew(ordinal: u32): bool {
  for (let slot = ordinal * 0x9e3779b1 >> 15;; slot++) {
    const at = seenAt + (<usize>(slot & (slots - 1)) << 2);
    const other = load<u32>(at);
    if (other == ordinal + 1) return false;
    if (other != 0) continue;
    if (numSeen << 1 >= slots) return false;
    numSeen++;
    store<u32>(at, ordinal + 1);
    return true;
  }
}
