// One block of rows: its logits, exponentials and slopes lie in one tile that stays in the cache.
import { combine, dots, exponentials, maxima } from "./exponential.as";
import {
  biasesAt, candidatesAt, count, d, dCandidates, dLogWeights, dotsAt, dQueries, floor, groups, jointly, logWeightOf,
  logWeights, maskColumns, maskOffsets, maximaAt, panels, places, pulls, pullOf, queriesAt, rowOf, rowPanels,
  rowTerms, scale, scaledRows, sharesAt, slopes, sumsAt, targetColumns, targetOffsets, targetTerms, targetWeights,
  teacherAt, teacherMaxima, teacherPanels, teacherShares, teacherSums, teacherTerms, teacherTile, teacherWeight, tile,
  total, useTile, weightOf,
} from "./problem.as";
import { entry, pack, ROW_BYTES, ROWS, scaleRow, scoreTile, slopesOfCandidates, slopesOfRows } from "./products.as";
import { awaitTurn, passTurn } from "./threads.as";

// The logit of a candidate that does not compete.
const NEVER: f32 = -3e38;
// A row whose best logit is below this has no candidate.
const NO_CANDIDATE: f32 = -1e38;
// Candidates whose vectors stay in the first cache while a block's slopes meet them; a multiple of PANEL.
const CHUNK: i32 = 96;
// A pull of a row of a mixture below this is none; see LEAST_OF_MIXTURE in softmax.as.ts.
const LEAST_PULL: f64 = 1e-15;

// Rows of the block.
let used: i32 = 0;

// No rows yet.
export function startBlock(): void {
  used = 0;
}

// Whether any row was added.
export function hasRows(): bool {
  return used > 0;
}

@inline
function targetsOf(group: i32): i32 {
  const at = targetOffsets + (<usize>group << 2);
  return load<i32>(at, 4) - load<i32>(at);
}

// Adds the rows of a group that have a weight to the block; false when there is no room for them.
export function addRows(group: i32): bool {
  if (targetsOf(group) == 0 && !teacherAt) return true;
  const weights = logWeights + (<usize>(group * places) << 2);
  let most: f64 = -Infinity;
  for (let s = 0; s < places; s++) most = max(most, <f64>load<f32>(weights + (<usize>s << 2)));
  let sum: f64 = 0;
  for (let s = 0; s < places; s++) sum += Math.exp(<f64>load<f32>(weights + (<usize>s << 2)) - most);
  const before = used;
  for (let s = 0; s < places; s++) {
    const logWeight = <f64>load<f32>(weights + (<usize>s << 2)) - most - Math.log(sum);
    const weight = Math.exp(logWeight);
    if (weight < 1e-38) continue;
    if (used == ROWS) {
      used = before;
      return false;
    }
    store<i32>(rowOf + (<usize>used << 2), group * places + s);
    store<f64>(logWeightOf + (<usize>used << 3), logWeight);
    store<f64>(weightOf + (<usize>used << 3), weight);
    used++;
  }
  return true;
}

// Groups first to last − 1, which are block number b.
export function groupBlock(b: i32, first: i32, last: i32): void {
  used = 0;
  for (let group = first; group < last; group++) addRows(group);
  gather();
  scores(panels, tile);
  for (let r = 0; r < used; r += 16) maxima(count, tile + (<usize>r << 2), maximaAt + (<usize>r << 2));
  if (teacherAt) slopeWithTeacher();
  else slopeOfMixture(first, last);
  multiply(b);
}

// Of rows that groups share, block number b of ROWS rows: exp(logit − maximum) into its tile, and the sums.
export function sharedBlock(b: i32, tilesAt: usize, sums: usize): void {
  startRows(b);
  useTile(tilesAt + <usize>b * <usize>count * ROW_BYTES);
  exponentialsOfRows(maximaAt, sums + <usize>b * ROW_BYTES);
}

// The slopes of that block by its tile as it is now, each row's times the float64 that `pullsAt` has for it.
export function sharedSlopesBlock(b: i32, tilesAt: usize, pullsAt: usize): void {
  startRows(b);
  useTile(tilesAt + <usize>b * <usize>count * ROW_BYTES);
  memory.copy(pullOf, pullsAt + <usize>b * 2 * ROW_BYTES, <usize>used << 3);
  multiply(b);
}

// Maxima and sums of a block of rows; the tile is this thread's own.
export function sumsBlock(b: i32, maximaTo: usize, sums: usize): void {
  startRows(b);
  exponentialsOfRows(maximaTo + <usize>b * ROW_BYTES, sums + <usize>b * ROW_BYTES);
}

// Rows of a problem whose groups have one each: as many as a block has.
function startRows(b: i32): void {
  const first = b * ROWS;
  used = min(ROWS, groups - first);
  for (let r = 0; r < used; r++) store<i32>(rowOf + (<usize>r << 2), first + r);
}

function exponentialsOfRows(maximaTo: usize, sums: usize): void {
  gather();
  scores(panels, tile);
  for (let r = 0; r < used; r += 16) {
    const at = <usize>r << 2;
    maxima(count, tile + at, maximaTo + at);
    exponentials(count, tile + at, maximaTo + at, sums + at);
  }
}

// Rows of the block: in panels of 8 for the logits, the last one filled up with zeros.
function gather(): void {
  const bytes = <usize>d << 2;
  memory.fill(scaledRows, 0, <usize>ROWS * bytes);
  for (let r = 0; r < used; r++) {
    const from = queriesAt + <usize>load<i32>(rowOf + (<usize>r << 2)) * bytes;
    scaleRow(d, from, scaledRows + <usize>r * bytes, <f32>scale);
  }
  pack(scaledRows, (used + 7) & ~7, d, 8, rowPanels);
}

// Logits of all candidates in `from` for the rows of the block.
function scores(from: usize, to: usize): void {
  scoreTile(used, count, d, from, rowPanels, biasesAt, to);
  for (let r = 0; r < used; r++) {
    const row = <usize>load<i32>(rowOf + (<usize>r << 2));
    const until = load<i32>(maskOffsets + (row << 2), 4);
    for (let i = load<i32>(maskOffsets + (row << 2)); i < until; i++)
      store<f32>(entry(to, load<i32>(maskColumns + (<usize>i << 2)), r), NEVER);
  }
}

// The tile becomes exp(logit − maximum), less what targets take from it; a row's pull over its sum is left to
// `multiply`.
function slopeOfMixture(first: i32, last: i32): void {
  // what targets had as logits is needed once the tile no longer has it: sums come first, from a copy would cost a pass
  let row = 0;
  let at = pulls;
  for (let group = first; group < last; group++) {
    const rows = rowsOf(group, row);
    const until = targetsOf(group);
    const columns = targetColumns + (<usize>load<i32>(targetOffsets + (<usize>group << 2)) << 2);
    for (let i = 0; i < until; i++) {
      for (let r = row; r < row + rows; r++) {
        store<f64>(at, <f64>load<f32>(entry(tile, load<i32>(columns + (<usize>i << 2)), r)));
        at += 8;
      }
    }
    row += rows;
  }
  for (let r = 0; r < used; r += 16)
    exponentials(count, tile + (<usize>r << 2), maximaAt + (<usize>r << 2), sumsAt + (<usize>r << 2));
  row = 0;
  at = pulls;
  for (let group = first; group < last; group++) {
    const rows = rowsOf(group, row);
    at = pull(group, row, rows, at);
    row += rows;
  }
}

// Rows of the block from `row` on that belong to a group.
function rowsOf(group: i32, row: i32): i32 {
  const start = row;
  while (row < used && load<i32>(rowOf + (<usize>row << 2)) < (group + 1) * places) row++;
  return row - start;
}

// Loss of one group; its rows' shares of each target's pull, and what that takes from the tile.
function pull(group: i32, row: i32, rows: i32, at: usize): usize {
  const start = load<i32>(targetOffsets + (<usize>group << 2));
  const until = targetsOf(group);
  for (let r = row; r < row + rows; r++) store<f64>(pullOf + (<usize>r << 3), 0);
  if (jointly) weighByMass(row, rows);
  let shares = at;
  for (let i = start; i < start + until; i++) {
    const weight = <f64>load<f32>(targetWeights + (<usize>i << 2));
    let most: f64 = -Infinity;
    for (let s = 0; s < rows; s++) {
      const here = shares + (<usize>s << 3);
      const r = <usize>(row + s);
      const best = load<f32>(maximaAt + (r << 2));
      const logit = load<f64>(here) - <f64>best - Math.log(<f64>load<f32>(sumsAt + (r << 2)));
      // a masked target, or a row without candidates, gives it nothing
      const logShare =
        best < NO_CANDIDATE || load<f64>(here) < <f64>NO_CANDIDATE
          ? -Infinity
          : load<f64>(logWeightOf + (r << 3)) + logit;
      store<f64>(here, logShare);
      most = max(most, logShare);
    }
    let sum: f64 = 0;
    for (let s = 0; s < rows; s++) {
      const here = shares + (<usize>s << 3);
      const part = most == -Infinity ? 0 : Math.exp(load<f64>(here) - most);
      store<f64>(here, part);
      sum += part;
    }
    const logMixture = most + Math.log(sum);
    const mixture = sum > 0 ? Math.exp(logMixture) : 0;
    store<f64>(targetTerms + (<usize>i << 3), -(weight * (floor == 0 ? logMixture : Math.log(mixture + floor))));
    const force = sum > 0 ? ((floor == 0 ? 1 : mixture / (mixture + floor)) * weight) / (total * sum) : 0;
    for (let s = 0; s < rows; s++) {
      const here = shares + (<usize>s << 3);
      const share = load<f64>(here) * force;
      store<f64>(here, share);
      const to = pullOf + (<usize>(row + s) << 3);
      store<f64>(to, load<f64>(to) + share);
    }
    shares += <usize>rows << 3;
  }
  let all: f64 = 0;
  for (let r = row; r < row + rows; r++) all += load<f64>(pullOf + (<usize>r << 3));
  for (let s = 0; s < rows; s++) {
    const r = <usize>(row + s);
    const mine = load<f64>(pullOf + (r << 3));
    const given = load<f64>(weightOf + (r << 3)) * all;
    store<f32>(dLogWeights + (<usize>load<i32>(rowOf + (r << 2)) << 2), <f32>(given - mine));
    const sum = <f64>load<f32>(sumsAt + (r << 2));
    const force = jointly ? given : mine;
    if (force > 0) {
      for (let i = 0; i < until; i++) {
        const to = entry(tile, load<i32>(targetColumns + (<usize>(start + i) << 2)), <i32>r);
        const taken = (load<f64>(at + (<usize>(i * rows + s) << 3)) / force) * sum;
        store<f32>(to, <f32>(<f64>load<f32>(to) - taken));
      }
    }
    const pulled = (force * scale) / sum;
    store<f64>(pullOf + (r << 3), pulled < LEAST_PULL ? 0 : pulled);
  }
  return shares;
}

// Rows with one denominator: each weighs as much as it has of the sum of all.
function weighByMass(row: i32, rows: i32): void {
  let most: f64 = -Infinity;
  for (let r = row; r < row + rows; r++) {
    const to = logWeightOf + (<usize>r << 3);
    const best = load<f32>(maximaAt + (<usize>r << 2));
    const logMass = <f64>best + Math.log(<f64>load<f32>(sumsAt + (<usize>r << 2)));
    store<f64>(to, best < NO_CANDIDATE ? -Infinity : load<f64>(to) + logMass);
    most = max(most, load<f64>(to));
  }
  if (most == -Infinity) return;
  let sum: f64 = 0;
  for (let r = row; r < row + rows; r++) sum += Math.exp(load<f64>(logWeightOf + (<usize>r << 3)) - most);
  for (let r = row; r < row + rows; r++) {
    const to = logWeightOf + (<usize>r << 3);
    store<f64>(to, load<f64>(to) - most - Math.log(sum));
    store<f64>(weightOf + (<usize>r << 3), Math.exp(load<f64>(to)));
  }
}

// One row per group: the tile becomes the whole slope, (T/total + w/n)·p − w/n·teacher − targets/total.
function slopeWithTeacher(): void {
  scores(teacherPanels, teacherTile);
  for (let r = 0; r < used; r++) {
    const best = <f64>load<f32>(maximaAt + (<usize>r << 2));
    const group = load<i32>(rowOf + (<usize>r << 2));
    const until = load<i32>(targetOffsets + (<usize>group << 2), 4);
    for (let i = load<i32>(targetOffsets + (<usize>group << 2)); i < until; i++) {
      const logit = <f64>load<f32>(entry(tile, load<i32>(targetColumns + (<usize>i << 2)), r));
      store<f64>(targetTerms + (<usize>i << 3), <f64>load<f32>(targetWeights + (<usize>i << 2)) * (best - logit));
    }
  }
  for (let r = 0; r < used; r += 16) {
    const at = <usize>r << 2;
    maxima(count, teacherTile + at, teacherMaxima + at);
    exponentials(count, teacherTile + at, teacherMaxima + at, teacherSums + at);
    for (let lane: usize = 0; lane < 64; lane += 16) {
      dots(count, teacherTile + at + lane, tile + at + lane, dotsAt + at + lane);
    }
    exponentials(count, tile + at, maximaAt + at, sumsAt + at);
  }
  const share = teacherWeight / <f64>groups;
  for (let r = 0; r < used; r++) {
    const at = <usize>r << 2;
    const group = load<i32>(rowOf + at);
    const until = load<i32>(targetOffsets + (<usize>group << 2), 4);
    let weight: f64 = 0;
    for (let i = load<i32>(targetOffsets + (<usize>group << 2)); i < until; i++) {
      weight += <f64>load<f32>(targetWeights + (<usize>i << 2));
    }
    const sum = <f64>load<f32>(sumsAt + at);
    const teacherSum = <f64>load<f32>(teacherSums + at);
    const logSum = Math.log(sum);
    const soft = <f64>load<f32>(dotsAt + at) / teacherSum;
    store<f64>(rowTerms + (<usize>group << 3), weight * logSum);
    store<f64>(teacherTerms + (<usize>group << 3), <f64>load<f32>(maximaAt + at) + logSum - soft);
    store<f32>(sharesAt + at, <f32>(((total > 0 ? weight / total : 0) + share) / sum));
    store<f32>(teacherShares + at, <f32>(-share / teacherSum));
    store<f64>(pullOf + (<usize>r << 3), scale);
  }
  for (let r = 0; r < used; r += 4) {
    const at = <usize>r << 2;
    combine(count, tile + at, teacherTile + at, sharesAt + at, teacherShares + at);
  }
  for (let r = 0; r < used; r++) {
    const group = load<i32>(rowOf + (<usize>r << 2));
    const until = load<i32>(targetOffsets + (<usize>group << 2), 4);
    for (let i = load<i32>(targetOffsets + (<usize>group << 2)); i < until; i++) {
      const to = entry(tile, load<i32>(targetColumns + (<usize>i << 2)), r);
      store<f32>(to, load<f32>(to) - <f32>(<f64>load<f32>(targetWeights + (<usize>i << 2)) / total));
    }
  }
}

// The tile times the candidates, and its transpose times the queries, by chunks of candidates. The gradients of
// candidates are sums over all blocks.
function multiply(b: i32): void {
  const bytes = <usize>d << 2;
  memory.fill(slopes, 0, <usize>ROWS * bytes);
  for (let r = 0; r < used; r++) {
    const from = queriesAt + <usize>load<i32>(rowOf + (<usize>r << 2)) * bytes;
    scaleRow(d, from, scaledRows + <usize>r * bytes, <f32>load<f64>(pullOf + (<usize>r << 3)));
  }
  for (let start = 0, turn = 0; start < count; start += CHUNK, turn++) {
    const size = min(CHUNK, count - start);
    const chunk = tile + <usize>start * ROW_BYTES;
    const at = <usize>start * bytes;
    slopesOfRows(used, size, d, chunk, candidatesAt + at, slopes);
    awaitTurn(b, turn);
    slopesOfCandidates(used, size, d, chunk, scaledRows, dCandidates + at);
    passTurn(b, turn);
  }
  for (let r = 0; r < used; r++) {
    const to = dQueries + <usize>load<i32>(rowOf + (<usize>r << 2)) * bytes;
    scaleRow(d, slopes + <usize>r * bytes, to, <f32>load<f64>(pullOf + (<usize>r << 3)));
  }
}
