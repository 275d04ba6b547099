// Mixture of softmaxes with its gradients, by blocks of query rows: logits, exponentials and slopes of a block lie in
// one tile that stays in the cache, and no matrix of all rows is ever made. ../problem.ts and ../tensors.ts say what is
// computed; ../kernel.ts places everything in memory, and nothing is allocated here.
import { combine, dots, exponentials, maxima, prepare } from "./exponential.as";
import {
  adopt, adoptRun, biasesAt, blockGroups, blocks, candidatesAt, count, d, dCandidates, dLogWeights, dotsAt, dQueries,
  floor, groups, logWeightOf, logWeights, maskColumns, maskOffsets, maximaAt, panels, places, progressAt, pulls, pullOf,
  queriesAt, rowOf, rowPanels, rowTerms, scale, scaledRows, setRun, sharesAt, slopes, sumsAt, targetColumns,
  targetOffsets, targetTerms, targetWeights, teacherAt, teacherMaxima, teacherPanels, teacherShares, teacherSums,
  teacherTerms, teacherTile, teacherWeight, tile, total, weightOf,
} from "./problem.as";
import { candidateBlock, entry, pack, PANEL, queryBlock, ROW_BYTES, ROWS, scoreBlock } from "./products.as";
import { adoptProgress, awaitTurn, claim, close, enter, leave, nextRun, open, passTurn } from "./threads.as";

export { PROBLEM } from "./threads.as";

// The logit of a candidate that does not compete.
const NEVER: f32 = -3e38;
// A row whose best logit is below this has no candidate.
const NO_CANDIDATE: f32 = -1e38;
// Candidates whose vectors stay in the first cache while a block's slopes meet them; a multiple of PANEL.
const CHUNK: i32 = 96;
// Where exponentials end, against the largest of their row, and the pulls of rows of a mixture: 1.6e-28, or 4e-18 where
// it meets a pull of 1e-15. What is less is lost in single precision, and as a factor it makes numbers that are not
// normal, which processors multiply a hundred times more slowly.
const LEAST: f32 = -64.0;
const LEAST_OF_MIXTURE: f32 = -40.0;
const LEAST_PULL: f64 = 1e-15;

// Rows of the block.
let used: i32 = 0;

// Which build this is.
export function isRelaxed(): bool {
  return ASC_FEATURE_RELAXED_SIMD;
}

// Lays out the scratch of a problem, whose numbers are in place, for so many threads; returns where it ends. Candidates
// are padded to a multiple of 4 with biases of −3e38, dim to one of 8 with zeros; addresses are multiples of 64.
export function configure(threads: i32): usize {
  return adopt(0, threads);
}

// Gradients into the places that the problem names; two float64 at resultAt: the loss of the targets, and the
// teacher's, which is still to be multiplied by its weight. A probability below least counts as least more.
export function run(scaleOfDots: f64, least: f64, weightOfTeacher: f64, resultAt: usize): void {
  prepare(places > 1 ? LEAST_OF_MIXTURE : LEAST);
  const matrix = <usize>(count * d) << 2;
  pack(candidatesAt, count, d, PANEL, panels);
  if (teacherAt) pack(teacherAt, count, d, PANEL, teacherPanels);
  memory.fill(dCandidates, 0, matrix);
  memory.fill(dQueries, 0, <usize>(groups * places * d) << 2);
  memory.fill(dLogWeights, 0, <usize>(groups * places) << 2);
  let sum: f64 = 0;
  const numTargets = load<i32>(targetOffsets + (<usize>groups << 2));
  for (let i = 0; i < numTargets; i++) sum += <f64>load<f32>(targetWeights + (<usize>i << 2));
  memory.fill(targetTerms, 0, <usize>numTargets << 3);
  setRun(divide(), sum, scaleOfDots, least, weightOfTeacher);
  open(blocks(), progressAt);
  work();
  close();
  sumUp(numTargets, resultAt);
}

// A helper, `thread` from 1: takes part in every run, and never returns.
export function serve(thread: i32): void {
  let seen = 0;
  while (true) {
    seen = nextRun(seen);
    if (!enter()) continue;
    adopt(thread, thread + 1);
    adoptRun();
    adoptProgress(progressAt);
    work();
    leave();
  }
}

// Puts groups into blocks, as many as fit; returns how many blocks.
function divide(): i32 {
  let found: usize = 0;
  let group = 0;
  while (group < groups) {
    const first = group;
    used = 0;
    while (group < groups && addRows(group)) group++;
    if (used == 0) continue;
    store<i32>(blockGroups + (found << 3), first);
    store<i32>(blockGroups + (found << 3), group, 4);
    found++;
  }
  return <i32>found;
}

function work(): void {
  for (let b = claim(); b < blocks(); b = claim()) {
    const at = blockGroups + (<usize>b << 3);
    block(b, load<i32>(at), load<i32>(at, 4));
  }
}

// The losses, term by term in the order of the blocks.
function sumUp(numTargets: i32, resultAt: usize): void {
  let ranking: f64 = 0, distillation: f64 = 0;
  if (!teacherAt) {
    for (let i = 0; i < numTargets; i++) ranking += load<f64>(targetTerms + (<usize>i << 3));
  }
  for (let b = 0; teacherAt && b < blocks(); b++) {
    const at = blockGroups + (<usize>b << 3);
    const first = load<i32>(at);
    const last = load<i32>(at, 4);
    const until = load<i32>(targetOffsets + (<usize>last << 2));
    for (let i = load<i32>(targetOffsets + (<usize>first << 2)); i < until; i++)
      ranking += load<f64>(targetTerms + (<usize>i << 3));
    for (let group = first; group < last; group++) {
      ranking += load<f64>(rowTerms + (<usize>group << 3));
      distillation += load<f64>(teacherTerms + (<usize>group << 3));
    }
  }
  store<f64>(resultAt, total > 0 ? ranking / total : 0);
  store<f64>(resultAt, distillation / <f64>groups, 8);
}

@inline
function targetsOf(group: i32): i32 {
  const at = targetOffsets + (<usize>group << 2);
  return load<i32>(at, 4) - load<i32>(at);
}

// Adds the rows of a group that have a weight to the block; false when there is no room for them.
function addRows(group: i32): bool {
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
function block(b: i32, first: i32, last: i32): void {
  used = 0;
  for (let group = first; group < last; group++) addRows(group);
  gather();
  scores(panels, tile);
  for (let r = 0; r < used; r += 16) maxima(count, tile + (<usize>r << 2), maximaAt + (<usize>r << 2));
  if (teacherAt) slopeWithTeacher();
  else slopeOfMixture(first, last);
  multiply(b);
}

// Rows of the block: in panels of 8 for the logits, the last one filled up with zeros.
function gather(): void {
  const bytes = <usize>d << 2;
  memory.fill(scaledRows, 0, <usize>ROWS * bytes);
  for (let r = 0; r < used; r++) {
    const from = queriesAt + <usize>load<i32>(rowOf + (<usize>r << 2)) * bytes;
    scaleRow(from, scaledRows + <usize>r * bytes, <f32>scale);
  }
  pack(scaledRows, (used + 7) & ~7, d, 8, rowPanels);
}

@inline
function scaleRow(from: usize, to: usize, by: f32): void {
  const factor = f32x4.splat(by);
  for (let k: usize = 0; k < <usize>d << 2; k += 16) v128.store(to + k, f32x4.mul(v128.load(from + k), factor));
}

// Logits of all candidates in `from` for the rows of the block.
function scores(from: usize, to: usize): void {
  const panelBytes = <usize>(PANEL * d) << 2;
  const rowPanelBytes = <usize>d << 5;
  for (let c = 0; c < count; c += PANEL) {
    for (let r = 0; r < used; r += 8)
      scoreBlock(
        d,
        from,
        rowPanels + <usize>(r >> 3) * rowPanelBytes,
        biasesAt + (<usize>c << 2),
        to + <usize>c * ROW_BYTES + (<usize>r << 2),
      );
    from += panelBytes;
  }
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
    const gradient = load<f64>(weightOf + (r << 3)) * all - mine;
    store<f32>(dLogWeights + (<usize>load<i32>(rowOf + (r << 2)) << 2), <f32>gradient);
    const sum = <f64>load<f32>(sumsAt + (r << 2));
    if (mine > 0) {
      for (let i = 0; i < until; i++) {
        const to = entry(tile, load<i32>(targetColumns + (<usize>(start + i) << 2)), <i32>r);
        const taken = (load<f64>(at + (<usize>(i * rows + s) << 3)) / mine) * sum;
        store<f32>(to, <f32>(<f64>load<f32>(to) - taken));
      }
    }
    const pulled = (mine * scale) / sum;
    store<f64>(pullOf + (r << 3), pulled < LEAST_PULL ? 0 : pulled);
  }
  return shares;
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
    scaleRow(from, scaledRows + <usize>r * bytes, <f32>load<f64>(pullOf + (<usize>r << 3)));
  }
  for (let start = 0, turn = 0; start < count; start += CHUNK, turn++) {
    const end = min(start + CHUNK, count);
    const from = tile + <usize>start * ROW_BYTES;
    const chunk = candidatesAt + <usize>start * bytes;
    for (let k: usize = 0; k < bytes; k += 32) {
      for (let r = 0; r < used; r += 4)
        queryBlock(end - start, from + (<usize>r << 2), chunk + k, bytes, slopes + <usize>r * bytes + k);
    }
    awaitTurn(b, turn);
    for (let c = start; c < end; c += PANEL) {
      const to = dCandidates + <usize>c * bytes;
      for (let k: usize = 0; k < bytes; k += 32)
        candidateBlock(used, tile + <usize>c * ROW_BYTES, scaledRows + k, bytes, to + k);
    }
    passTurn(b, turn);
  }
  for (let r = 0; r < used; r++) {
    const to = dQueries + <usize>load<i32>(rowOf + (<usize>r << 2)) * bytes;
    scaleRow(slopes + <usize>r * bytes, to, <f32>load<f64>(pullOf + (<usize>r << 3)));
  }
}
