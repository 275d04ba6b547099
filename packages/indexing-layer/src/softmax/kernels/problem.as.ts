// The problem at hand, and the room of this thread's own. ../kernel.ts writes the numbers, in this order, and says what
// they are.
import { PROBLEM, PROGRESS_BYTES } from "./threads.as";
import { ROW_BYTES, ROWS } from "./products.as";

export let groups: i32 = 0, places: i32 = 0, count: i32 = 0, d: i32 = 0;
export let queriesAt: usize = 0, candidatesAt: usize = 0, teacherAt: usize = 0, biasesAt: usize = 0;
export let maskOffsets: usize = 0, maskColumns: usize = 0;
export let targetOffsets: usize = 0, targetColumns: usize = 0, targetWeights: usize = 0;
export let logWeights: usize = 0, dQueries: usize = 0, dCandidates: usize = 0, dLogWeights: usize = 0;
export let scale: f64 = 0, floor: f64 = 0, teacherWeight: f64 = 0;
// Whether the rows of a group have one denominator.
export let jointly: bool = false;
// Weights of all targets together.
export let total: f64 = 0;

// Shared: candidates in panels; (blocks, 2) first group of a block, and the one after its last; chunks done.
export let panels: usize = 0, teacherPanels: usize = 0, blockGroups: usize = 0, progressAt: usize = 0;
// Shared: (targets) what each adds to the loss; with a teacher (groups) what each adds to either loss.
export let targetTerms: usize = 0, rowTerms: usize = 0, teacherTerms: usize = 0;
// Of this thread: (candidates, ROWS) logits of a block, then exponentials; the same of the teacher.
export let tile: usize = 0, teacherTile: usize = 0;
export let rowPanels: usize = 0, scaledRows: usize = 0, slopes: usize = 0;
// (ROWS) each: number of the row, logarithm of its weight, its weight, its pull.
export let rowOf: usize = 0, logWeightOf: usize = 0, weightOf: usize = 0, pullOf: usize = 0;
export let maximaAt: usize = 0, sumsAt: usize = 0, teacherMaxima: usize = 0, teacherSums: usize = 0;
export let dotsAt: usize = 0, sharesAt: usize = 0, teacherShares: usize = 0;
// (targets of a group, rows of a group) logarithms of a·p, then their shares of the pull.
export let pulls: usize = 0;

// Where the scratch reserved so far ends.
let end: usize = 0;

function reserve(bytes: usize): usize {
  const at = end;
  end += (bytes + 63) & ~63;
  return at;
}

@inline
function field(i: usize): i32 {
  return load<i32>(PROBLEM + (i << 2));
}

// Blocks, what they are for and two addresses; total, scale, least and the teacher's weight as float64, then
// whether rows share a denominator.
const TASK: usize = PROBLEM + 256;
const NUMBERS: usize = PROBLEM + 320;

// What blocks are for, and the addresses that are read or written.
export let task: i32 = 0;
export let taskAt: usize = 0, taskTo: usize = 0;

export function blocks(): i32 {
  return load<i32>(TASK);
}

export function setTask(numBlocks: i32, what: i32, at: usize, to: usize): void {
  store<i32>(TASK, numBlocks);
  store<i32>(TASK, what, 4);
  store<usize>(TASK, at, 8);
  store<usize>(TASK, to, 12);
  adoptRun();
}

// What is known only when a run begins.
export function setRun(totalOfWeights: f64, scaleOfDots: f64, least: f64, weight: f64, isJoint: bool): void {
  store<f64>(NUMBERS, totalOfWeights);
  store<f64>(NUMBERS, scaleOfDots, 8);
  store<f64>(NUMBERS, least, 16);
  store<f64>(NUMBERS, weight, 24);
  store<i32>(NUMBERS, <i32>isJoint, 32);
}

export function adoptRun(): void {
  task = load<i32>(TASK, 4);
  taskAt = load<usize>(TASK, 8);
  taskTo = load<usize>(TASK, 12);
  total = load<f64>(NUMBERS);
  scale = load<f64>(NUMBERS, 8);
  floor = load<f64>(NUMBERS, 16);
  teacherWeight = load<f64>(NUMBERS, 24);
  jointly = load<i32>(NUMBERS, 32) != 0;
}

// Reads the problem, and lays out the scratch of all threads; this one is `thread` of `threads`. Returns where it ends.
export function adopt(thread: i32, threads: i32): usize {
  groups = field(0);
  places = field(1);
  count = field(2);
  d = field(3);
  const mostTargets = field(4);
  queriesAt = field(5);
  candidatesAt = field(6);
  teacherAt = field(7);
  biasesAt = field(8);
  maskOffsets = field(9);
  maskColumns = field(10);
  targetOffsets = field(11);
  targetColumns = field(12);
  targetWeights = field(13);
  logWeights = field(14);
  dQueries = field(15);
  dCandidates = field(16);
  dLogWeights = field(17);
  end = field(18);
  const matrix = <usize>(count * d) << 2;
  panels = reserve(matrix);
  teacherPanels = teacherAt ? reserve(matrix) : 0;
  blockGroups = reserve(<usize>groups << 3);
  progressAt = reserve(<usize>groups * PROGRESS_BYTES);
  targetTerms = reserve(<usize>mostTargets << 3);
  rowTerms = teacherAt ? reserve(<usize>groups << 3) : 0;
  teacherTerms = teacherAt ? reserve(<usize>groups << 3) : 0;
  const own = end;
  reserveOwn(mostTargets);
  const bytes = end - own;
  end = own + <usize>thread * bytes;
  reserveOwn(mostTargets);
  return own + <usize>threads * bytes;
}

// The tile of the block at hand, where it is not this thread's own.
export function useTile(at: usize): void {
  tile = at;
}

function reserveOwn(mostTargets: i32): void {
  const rows = <usize>(ROWS * d) << 2;
  tile = reserve(<usize>count * ROW_BYTES);
  teacherTile = teacherAt ? reserve(<usize>count * ROW_BYTES) : 0;
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
}
