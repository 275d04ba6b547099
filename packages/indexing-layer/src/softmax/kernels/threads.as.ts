// How several threads, each with an instance of its own over one shared memory, share out the blocks of a problem. Each
// takes the next block that nobody has. What blocks add to in common they add one after the other, chunk by chunk, in
// the order of the blocks: the bits do not depend on how many threads there are, nor on who is faster.
//
// Memory below the problem: static data of the compiler, then these, at places that an instance which starts while
// another works does not touch.
const CONTROL: usize = 0xf000;
// Constants of the exponential.
export const CONSTANTS: usize = 0xf400;
// The problem, as numbers that every instance reads.
export const PROBLEM: usize = 0xf800;

// Runs so far: helpers sleep until it changes.
const RUNS: usize = CONTROL;
// Whether there are blocks to take; how many helpers are looking or at work; threads that wait for a chunk.
const IS_OPEN: usize = CONTROL + 64;
const INSIDE: usize = CONTROL + 128;
const SLEEPERS: usize = CONTROL + 192;
// The next block to take.
const NEXT: usize = CONTROL + 256;

// Whatever any thread does adds one: a thread that died adds nothing.
const BEATS: usize = CONTROL + 320;
// Blocks that helpers have taken.
const HELPED: usize = CONTROL + 384;

// Looks at a number before sleeping until it changes: about as long as two threads are apart at a chunk.
const LOOKS: i32 = 20_000;
// A number of its own cache line.
const LINE: usize = 6;

// (blocks) chunks that each block is done with.
let progress: usize = 0;

export const PROGRESS_BYTES: usize = 1 << LINE;

// Nanoseconds in which somebody must have done something, while this thread waits; -1: it waits for ever, as helpers.
let patience: i64 = -1;

export function setPatience(milliseconds: i32): void {
  patience = <i64>milliseconds * 1_000_000;
}

// Sleeps until a number changes. A thread that died inside a run would never change it: then this traps.
function sleep(at: usize, seen: i32): void {
  const beats = atomic.load<i32>(BEATS);
  const isLate = atomic.wait<i32>(at, seen, patience) == AtomicWaitResult.TIMED_OUT;
  if (isLate && atomic.load<i32>(BEATS) == beats) unreachable();
}

// Lets helpers in, where there is room for them. Before it: everything they read is in memory.
export function open(blocks: i32, progressAt: usize, hasHelpers: bool): void {
  progress = progressAt;
  memory.fill(progress, 0, <usize>blocks << LINE);
  atomic.store<i32>(NEXT, 0);
  if (!hasHelpers) return;
  atomic.store<i32>(IS_OPEN, 1);
  atomic.add<i32>(RUNS, 1);
  if (blocks > 1) atomic.notify(RUNS, -1);
}

// Waits until no helper is at work, and lets none in.
export function close(): void {
  atomic.store<i32>(IS_OPEN, 0);
  let looks = 0;
  while (true) {
    const inside = atomic.load<i32>(INSIDE);
    if (inside == 0) return;
    if (++looks > LOOKS) sleep(INSIDE, inside);
  }
}

// For a helper: sleeps until there has been another run than `seen`; returns its number.
export function nextRun(seen: i32): i32 {
  while (true) {
    const runs = atomic.load<i32>(RUNS);
    if (runs != seen) return runs;
    atomic.wait<i32>(RUNS, seen, -1);
  }
}

// For a helper: false where the run is over; else `leave` must follow.
export function enter(): bool {
  atomic.add<i32>(INSIDE, 1);
  if (atomic.load<i32>(IS_OPEN) != 0) return true;
  leave();
  return false;
}

export function leave(): void {
  atomic.add<i32>(BEATS, 1);
  if (atomic.sub<i32>(INSIDE, 1) == 1) atomic.notify(INSIDE, 1);
}

// For a helper, once inside.
export function adoptProgress(progressAt: usize): void {
  progress = progressAt;
}

export function claim(): i32 {
  atomic.add<i32>(BEATS, 1);
  return atomic.add<i32>(NEXT, 1);
}

// For a helper that has a block.
export function countHelped(): void {
  atomic.add<i32>(HELPED, 1);
}

export function helpedSoFar(): i32 {
  return atomic.load<i32>(HELPED);
}

// Waits until the block before is done with a chunk.
export function awaitTurn(block: i32, chunk: i32): void {
  if (block == 0) return;
  const at = progress + (<usize>(block - 1) << LINE);
  let looks = 0;
  while (true) {
    const done = atomic.load<i32>(at);
    if (done > chunk) return;
    if (++looks <= LOOKS) continue;
    atomic.add<i32>(SLEEPERS, 1);
    sleep(at, done);
    atomic.sub<i32>(SLEEPERS, 1);
  }
}

export function passTurn(block: i32, chunk: i32): void {
  const at = progress + (<usize>block << LINE);
  atomic.store<i32>(at, chunk + 1);
  atomic.add<i32>(BEATS, 1);
  if (atomic.load<i32>(SLEEPERS) > 0) atomic.notify(at, -1);
}
