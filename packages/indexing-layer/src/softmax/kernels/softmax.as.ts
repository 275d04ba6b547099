// Mixture of softmaxes with its gradients, by blocks of query rows: logits, exponentials and slopes of a block lie in
// one tile that stays in the cache, and no matrix of all rows is ever made. ../problem.ts and ../tensors.ts say what is
// computed; ../kernel.ts places everything in memory, and nothing is allocated here.
import { combine, dots, exponentials, maxima, prepare } from "./exponential.as";
import { entry, multiplyTile, pack, PANEL, ROW_BYTES, ROWS, scaleRow, scoreTile } from "./products.as";

// The logit of a candidate that does not compete.
const NEVER: f32 = -3e38;
// A row whose best logit is below this has no candidate.
const NO_CANDIDATE: f32 = -1e38;

let places: i32 = 0, count: i32 = 0, d: i32 = 0;
let queriesAt: usize = 0, candidatesAt: usize = 0, teacherAt: usize = 0, biasesAt: usize = 0;
let maskOffsets: usize = 0, maskColumns: usize = 0;
let targetOffsets: usize = 0, targetColumns: usize = 0, targetWeights: usize = 0;
let logWeights: usize = 0, dQueries: usize = 0, dCandidates: usize = 0, dLogWeights: usize = 0;

let panels: usize = 0, teacherPanels: usize = 0;
let tile: usize = 0, teacherTile: usize = 0;
let rowPanels: usize = 0, scaledRows: usize = 0, slopes: usize = 0;
// (ROWS) each: number of the row, logarithm of its weight, its weight, its pull.
let rowOf: usize = 0, logWeightOf: usize = 0, weightOf: usize = 0, pullOf: usize = 0;
let maximaAt: usize = 0, sumsAt: usize = 0, teacherMaxima: usize = 0, teacherSums: usize = 0;
let dotsAt: usize = 0, sharesAt: usize = 0, teacherShares: usize = 0;
// (targets of a group, rows of a group) logarithms of a·p, then their shares of the pull.
let pulls: usize = 0;

let scale: f64 = 0, floor: f64 = 0, teacherWeight: f64 = 0;
// Weights of all targets together.
let total: f64 = 0;
let groups: i32 = 0;
let ranking: f64 = 0, distillation: f64 = 0;
// Rows of the block.
let used: i32 = 0;
// Where the scratch reserved so far ends.
let end: usize = 0;

function reserve(bytes: usize): usize {
  const at = end;
  end += (bytes + 63) & ~63;
  return at;
}

// Which build this is.
export function isRelaxed(): bool {
  return ASC_FEATURE_RELAXED_SIMD;
}

// Sizes: candidates padded to a multiple of 4 with biases of −3e38, dim to one of 8 with zeros. All addresses are
// multiples of 64. Returns where the scratch that starts at scratchAt ends. mostTargets: of a group.
export function configure(
  numGroups: i32, numPlaces: i32, numCandidates: i32, dim: i32, mostTargets: i32,
  queries: usize, candidates: usize, teacher: usize, biases: usize,
  maskOffsetsAt: usize, maskColumnsAt: usize,
  targetOffsetsAt: usize, targetColumnsAt: usize, targetWeightsAt: usize,
  logWeightsAt: usize, dQueriesAt: usize, dCandidatesAt: usize, dLogWeightsAt: usize,
  scratchAt: usize,
): usize {
  groups = numGroups;
  places = numPlaces;
  count = numCandidates;
  d = dim;
  queriesAt = queries;
  candidatesAt = candidates;
  teacherAt = teacher;
  biasesAt = biases;
  maskOffsets = maskOffsetsAt;
  maskColumns = maskColumnsAt;
  targetOffsets = targetOffsetsAt;
  targetColumns = targetColumnsAt;
  targetWeights = targetWeightsAt;
  logWeights = logWeightsAt;
  dQueries = dQueriesAt;
  dCandidates = dCandidatesAt;
  dLogWeights = dLogWeightsAt;
  end = scratchAt;
  const matrix = <usize>(count * d) << 2;
  const rows = <usize>(ROWS * d) << 2;
  panels = reserve(matrix);
  teacherPanels = teacher ? reserve(matrix) : 0;
  tile = reserve(<usize>count * ROW_BYTES);
  teacherTile = teacher ? reserve(<usize>count * ROW_BYTES) : 0;
  rowPanels = reserve(rows);
  scaledRows = reserve(rows);
  slopes = reserve(rows);
  rowOf = reserve(ROW_BYTES);
  logWeightOf = reserve(2 * ROW_BYTES);
  weightOf = reserve(2 * ROW_BYTES);
  pullOf = reserve(2 * ROW_BYTES);
  maximaAt = reserve(ROW_BYTES);
  sumsAt = reserve(ROW_BYTES);
  teacherMaxima = reserve(ROW_BYTES);
  teacherSums = reserve(ROW_BYTES);
  dotsAt = reserve(ROW_BYTES);
  sharesAt = reserve(ROW_BYTES);
  teacherShares = reserve(ROW_BYTES);
  pulls = reserve(<usize>(mostTargets * places) << 3);
  return end;
}

// Gradients into the places that configure was told; two float64 at resultAt: the loss of the targets, and the
// teacher's, which is still to be multiplied by its weight. A probability below least counts as least more.
export function run(scaleOfDots: f64, least: f64, weightOfTeacher: f64, resultAt: usize): void {
  scale = scaleOfDots;
  floor = least;
  teacherWeight = weightOfTeacher;
  prepare();
  const matrix = <usize>(count * d) << 2;
  pack(candidatesAt, count, d, PANEL, panels);
  if (teacherAt) pack(teacherAt, count, d, PANEL, teacherPanels);
  memory.fill(dCandidates, 0, matrix);
  memory.fill(dQueries, 0, <usize>(groups * places * d) << 2);
  memory.fill(dLogWeights, 0, <usize>(groups * places) << 2);
  total = 0;
  const numTargets = load<i32>(targetOffsets + (<usize>groups << 2));
  for (let i = 0; i < numTargets; i++) total += <f64>load<f32>(targetWeights + (<usize>i << 2));
  ranking = 0;
  distillation = 0;
  let group = 0;
  while (group < groups) {
    const first = group;
    used = 0;
    while (group < groups && addRows(group)) group++;
    if (used > 0) block(first, group);
  }
  store<f64>(resultAt, total > 0 ? ranking / total : 0);
  store<f64>(resultAt, distillation / <f64>groups, 8);
}

// The first half of a problem whose groups share rows: exp(logit − maximum) of all rows into tiles, a block of ROWS rows
// after the other, and their sums. The host takes what targets have out of the tiles, and goes on with sharedSlopes.
export function sharedRows(rows: i32, scaleOfDots: f64, tilesAt: usize, sums: usize): void {
  scale = scaleOfDots;
  prepare();
  pack(candidatesAt, count, d, PANEL, panels);
  for (let first = 0; first < rows; first += ROWS) {
    startBlock(first, rows, tilesAt);
    gather();
    scores(panels, tile);
    for (let r = 0; r < used; r += 16) {
      maxima(count, tile + (<usize>r << 2), maximaAt + (<usize>r << 2));
      exponentials(count, tile + (<usize>r << 2), maximaAt + (<usize>r << 2), sums + (<usize>(first + r) << 2));
    }
  }
}

// The second half: gradients by the tiles as they are now, each row's times the float64 that pulls has for it.
export function sharedSlopes(rows: i32, tilesAt: usize, pulls: usize): void {
  memory.fill(dCandidates, 0, <usize>(count * d) << 2);
  for (let first = 0; first < rows; first += ROWS) {
    startBlock(first, rows, tilesAt);
    memory.copy(pullOf, pulls + (<usize>first << 3), <usize>used << 3);
    multiply();
  }
}

// The rows from first on, as many as a block has.
function startBlock(first: i32, rows: i32, tilesAt: usize): void {
  used = min(ROWS, rows - first);
  tile = tilesAt + <usize>first * <usize>count * 4;
  for (let r = 0; r < used; r++) store<i32>(rowOf + (<usize>r << 2), first + r);
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

// One block: the rows that addRows chose, of groups first to last − 1.
function block(first: i32, last: i32): void {
  gather();
  scores(panels, tile);
  for (let r = 0; r < used; r += 16) maxima(count, tile + (<usize>r << 2), maximaAt + (<usize>r << 2));
  if (teacherAt) slopeWithTeacher();
  else slopeOfMixture(first, last);
  multiply();
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
    ranking -= weight * (floor == 0 ? logMixture : Math.log(mixture + floor));
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
    store<f64>(pullOf + (r << 3), (mine * scale) / sum);
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
      ranking += <f64>load<f32>(targetWeights + (<usize>i << 2)) * (best - logit);
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
    ranking += weight * logSum;
    distillation += <f64>load<f32>(maximaAt + at) + logSum - <f64>load<f32>(dotsAt + at) / teacherSum;
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

// The tile times the candidates, and its transpose times the queries, by chunks of candidates.
function multiply(): void {
  const bytes = <usize>d << 2;
  memory.fill(slopes, 0, <usize>ROWS * bytes);
  for (let r = 0; r < used; r++) {
    const from = queriesAt + <usize>load<i32>(rowOf + (<usize>r << 2)) * bytes;
    scaleRow(d, from, scaledRows + <usize>r * bytes, <f32>load<f64>(pullOf + (<usize>r << 3)));
  }
  multiplyTile(used, count, d, tile, candidatesAt, scaledRows, slopes, dCandidates);
  for (let r = 0; r < used; r++) {
    const to = dQueries + <usize>load<i32>(rowOf + (<usize>r << 2)) * bytes;
    scaleRow(d, slopes + <usize>r * bytes, to, <f32>load<f64>(pullOf + (<usize>r << 3)));
  }
}
