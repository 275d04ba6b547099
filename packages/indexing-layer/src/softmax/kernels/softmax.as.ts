// Mixture of softmaxes with its gradients, by blocks of query rows, so that no matrix of all rows is ever made.
// ../problem.ts and ../tensors.ts say what is computed; ../kernel.ts places everything in memory, and nothing is
// allocated here.
import { addRows, groupBlock, hasRows, sharedBlock, sharedSlopesBlock, startBlock, sumsBlock } from "./blocks.as";
import { prepare } from "./exponential.as";
import {
  adopt, adoptRun, blockGroups, blocks, candidatesAt, count, d, dCandidates, dLogWeights, dQueries, groups, panels,
  places, progressAt, setRun, targetOffsets, targetTerms, targetWeights, teacherAt, teacherPanels, teacherTerms,
  rowTerms, total, setTask, task, taskAt, taskTo,
} from "./problem.as";
import { pack, PANEL, ROWS } from "./products.as";
import { adoptProgress, claim, close, countHelped, enter, leave, nextRun, open } from "./threads.as";

export { helpedSoFar, PROBLEM, setPatience } from "./threads.as";

// Whether scratch is laid out for helpers.
let hasHelpers: bool = false;
// Whether this instance is a helper's.
let isHelper: bool = false;

// Where exponentials end, against the largest of their row: 1.6e-28, or 4e-18 where it meets a pull of 1e-15. What is
// less is lost in single precision, and as a factor it makes numbers that are not normal, which processors multiply a
// hundred times more slowly.
const LEAST: f32 = -64.0;
const LEAST_OF_MIXTURE: f32 = -40.0;

// What blocks are for.
const GRADIENTS: i32 = 0;
const SHARED_ROWS: i32 = 1;
const SHARED_SLOPES: i32 = 2;
const ROW_SUMS: i32 = 3;

// Which build this is.
export function isRelaxed(): bool {
  return ASC_FEATURE_RELAXED_SIMD;
}

// Lays out the scratch of a problem, whose numbers are in place, for so many threads; returns where it ends. Candidates
// are padded to a multiple of 4 with biases of −3e38, dim to one of 8 with zeros; addresses are multiples of 64.
export function configure(threads: i32): usize {
  hasHelpers = threads > 1;
  return adopt(0, threads);
}

// Gradients into the places that the problem names; two float64 at resultAt: the loss of the targets, and the
// teacher's, which is still to be multiplied by its weight. A probability below least counts as least more. isJoint:
// whether the rows of a group have one denominator.
export function run(scaleOfDots: f64, least: f64, weightOfTeacher: f64, isJoint: bool, resultAt: usize): void {
  prepare(places > 1 ? LEAST_OF_MIXTURE : LEAST);
  pack(candidatesAt, count, d, PANEL, panels);
  if (teacherAt) pack(teacherAt, count, d, PANEL, teacherPanels);
  memory.fill(dCandidates, 0, <usize>(count * d) << 2);
  memory.fill(dQueries, 0, <usize>(groups * places * d) << 2);
  memory.fill(dLogWeights, 0, <usize>(groups * places) << 2);
  let sum: f64 = 0;
  const numTargets = load<i32>(targetOffsets + (<usize>groups << 2));
  for (let i = 0; i < numTargets; i++) sum += <f64>load<f32>(targetWeights + (<usize>i << 2));
  memory.fill(targetTerms, 0, <usize>numTargets << 3);
  setRun(sum, scaleOfDots, least, weightOfTeacher, isJoint);
  shareOut(divide(), GRADIENTS, 0, 0);
  sumUp(numTargets, resultAt);
}

// The first half of a problem whose groups share rows: exp(logit − maximum) of all rows into tiles, a block of ROWS
// rows after the other, and their sums. The host takes what targets have out of the tiles, and goes on with
// sharedSlopes.
export function sharedRows(scaleOfDots: f64, tilesAt: usize, sums: usize): void {
  startRows(scaleOfDots);
  shareOut(rowBlocks(), SHARED_ROWS, tilesAt, sums);
}

// The second half: gradients by the tiles as they are now, each row's times the float64 that pulls has for it.
export function sharedSlopes(tilesAt: usize, pulls: usize): void {
  memory.fill(dCandidates, 0, <usize>(count * d) << 2);
  shareOut(rowBlocks(), SHARED_SLOPES, tilesAt, pulls);
}

// Of each row the largest logit, and the sum of exp(logit − it).
export function rowSums(scaleOfDots: f64, maxima: usize, sums: usize): void {
  startRows(scaleOfDots);
  shareOut(rowBlocks(), ROW_SUMS, maxima, sums);
}

function startRows(scaleOfDots: f64): void {
  prepare(LEAST);
  pack(candidatesAt, count, d, PANEL, panels);
  setRun(0, scaleOfDots, 0, 0, false);
}

function rowBlocks(): i32 {
  return (groups + ROWS - 1) / ROWS;
}

function shareOut(numBlocks: i32, what: i32, at: usize, to: usize): void {
  setTask(numBlocks, what, at, to);
  open(numBlocks, progressAt, hasHelpers);
  work();
  close();
}

// A helper, `thread` from 1: takes part in every run, and never returns.
export function serve(thread: i32): void {
  let seen = 0;
  isHelper = true;
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
    startBlock();
    while (group < groups && addRows(group)) group++;
    if (!hasRows()) continue;
    store<i32>(blockGroups + (found << 3), first);
    store<i32>(blockGroups + (found << 3), group, 4);
    found++;
  }
  return <i32>found;
}

function work(): void {
  const end = blocks();
  for (let b = claim(); b < end; b = claim()) {
    if (isHelper) countHelped();
    if (task == SHARED_ROWS) sharedBlock(b, taskAt, taskTo);
    else if (task == SHARED_SLOPES) sharedSlopesBlock(b, taskAt, taskTo);
    else if (task == ROW_SUMS) sumsBlock(b, taskAt, taskTo);
    else {
      const at = blockGroups + (<usize>b << 3);
      groupBlock(b, load<i32>(at), load<i32>(at, 4));
    }
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
