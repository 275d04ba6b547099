/**
 * Room for what takes memory for a moment: searches that hold pages of a large index, versions being read.
 *
 * Who asks gets it in the order of asking. Nobody passes those who came before, unless there is room for all of them as
 * well; only light work has a share of its own, so that a few heavy requests do not keep everybody waiting.
 *
 * Those that wait look on timers of their own, because in a Worker no promise of one request may be awaited by another.
 * A request that was cancelled never comes back, neither to look nor to give back what it has: whoever did not look
 * when it would is passed, and a turn without progress is lent to others.
 *
 * Light work beside heavy work gets its answer or an error soon: where reads take long because others read, the time
 * that it may wait is all the time that it has.
 */
import { OverloadedError } from "./errors.ts";
import type { StoreMeter } from "./store.ts";

export interface TurnsOptions {
  /** Bytes of all turns at a time. */
  readonly total: number;
  /** Bytes that only light work gets; default 0. */
  readonly share?: number | undefined;
  /** Work of at most so many bytes is light; default `share`. */
  readonly light?: number | undefined;
  /** A turn without progress for so long is lent to others. */
  readonly leaseMs: number;
  /** Who waits longer is turned away; so is light work that reads for longer, waiting included, beside heavy work. */
  readonly waitMs: number;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/** Of a request: is told of its reads, and how long it waited. */
export interface TurnMeter extends StoreMeter {
  waitedMs?: number;
}

/** What a request has, or waits for. */
interface Turn {
  readonly bytes: number;
  readonly isLight: boolean;
  /** Until then it looks, or makes progress, unless its request was cancelled. */
  dueAt: number;
  /** When it is turned away. */
  readonly until: number;
}

/** How often the first in the row looks; the second half as often, and so on. */
const POLL_MS = 2;
const MAX_POLL_MS = 100;
const PAUSE_MS = 1;
/** Timers come late where others compute. */
const LATE_MS = 300;
/** Those of a kind that wait at a time: the last of more would have no turn before its time is over. */
const MAX_WAITING = 200;

/** See the head of this file. */
export class Turns {
  readonly #options: TurnsOptions & { readonly share: number; readonly light: number };
  readonly #taken = new Set<Turn>();
  /** In the order of asking. */
  readonly #waiting = new Set<Turn>();

  constructor(options: TurnsOptions) {
    const { share = 0, light = share } = options;
    this.#options = { ...options, share, light };
  }

  /** Bytes of all turns that are not lent. */
  get bytes(): number {
    return this.#inUse().total;
  }

  /**
   * Runs `work` when there is a turn for it. Whatever it reads goes through the meter that it is given: this is how it
   * makes progress, and it stops with an OverloadedError at its next read when its turn has gone to others meanwhile.
   * @param bytes that it may hold at a time; more than there are count as all of them
   * @throws OverloadedError when there was no turn in time
   */
  async run<T>(work: (meter: StoreMeter) => Promise<T>, bytes: number, meter?: TurnMeter): Promise<T> {
    const { total, share, light, leaseMs, waitMs, now } = this.#options;
    const isLight = bytes <= light;
    const most = isLight ? total : total - share;
    const turn: Turn = { bytes: Math.min(bytes, most), isLight, dueAt: 0, until: now() + waitMs };
    if (!this.#take(turn)) {
      const since = now();
      try {
        await this.#wait(turn);
      } finally {
        if (meter?.waitedMs !== undefined) meter.waitedMs += now() - since;
      }
    }
    let isOver = false;
    try {
      return await work({
        spend: () => {
          // Whoever keeps the meter may go on reading.
          if (isOver) return meter?.spend();
          if (!this.#taken.has(turn) && !this.#fits(turn, this.#inUse()))
            throw new OverloadedError("Others needed the memory of this search, which made no progress for too long");
          if (isLight && now() >= turn.until && this.#isHeavy())
            throw new OverloadedError(`Beside heavy searches this one was not done within ${waitMs} ms`);
          this.#hold(turn);
          meter?.spend();
        },
        got: (received) => {
          if (this.#taken.has(turn)) turn.dueAt = now() + leaseMs;
          meter?.got(received);
        },
        hit: () => meter?.hit?.(),
        rescan: (codes) => meter?.rescan?.(codes),
      });
    } finally {
      isOver = true;
      this.#taken.delete(turn);
    }
  }

  /** Lets others in: a store that answers at once would keep the thread until all is read. */
  pause(): Promise<void> {
    return this.#options.sleep(PAUSE_MS);
  }

  async #wait(turn: Turn): Promise<void> {
    const { waitMs, now, sleep } = this.#options;
    for (const other of this.#waiting) if (other.until + LATE_MS < now()) this.#waiting.delete(other);
    if (this.#place(turn) >= MAX_WAITING) throw new OverloadedError(`${MAX_WAITING} are waiting for a turn already`);
    this.#waiting.add(turn);
    try {
      for (;;) {
        if (this.#take(turn)) return;
        if (now() >= turn.until) throw new OverloadedError(`No turn came within ${waitMs} ms`);
        const ms = Math.min(POLL_MS * (1 + this.#place(turn)), MAX_POLL_MS);
        turn.dueAt = now() + ms + LATE_MS;
        await sleep(ms);
      }
    } finally {
      this.#waiting.delete(turn);
    }
  }

  /** How many of its kind come before one that waits. */
  #place(turn: Turn): number {
    let place = 0;
    for (const other of this.#waiting) {
      if (other === turn) break;
      if (other.isLight === turn.isLight) place++;
    }
    return place;
  }

  /** Takes the turn if there is room for it and for all that have waited longer. */
  #take(turn: Turn): boolean {
    const inUse = this.#inUse();
    for (const other of this.#waiting) {
      if (other === turn) break;
      // Else its request was cancelled, or comes late.
      if (other.dueAt >= this.#options.now()) add(inUse, other);
    }
    if (!this.#fits(turn, inUse)) return false;
    this.#hold(turn);
    return true;
  }

  #hold(turn: Turn): void {
    turn.dueAt = this.#options.now() + this.#options.leaseMs;
    this.#taken.add(turn);
  }

  #fits({ bytes, isLight }: Turn, inUse: Bytes): boolean {
    const { total, share } = this.#options;
    if (isLight && inUse.light + bytes <= share) return true;
    return inUse.total + bytes <= total && (isLight || inUse.total - inUse.light + bytes <= total - share);
  }

  /** Whether heavy work has a turn. */
  #isHeavy(): boolean {
    const { total, light } = this.#inUse();
    return total > light;
  }

  /** Without what is lent, which is forgotten: its request has to find room for it again. */
  #inUse(): Bytes {
    const bytes = { total: 0, light: 0 };
    for (const turn of this.#taken) {
      if (turn.dueAt <= this.#options.now()) this.#taken.delete(turn);
      else add(bytes, turn);
    }
    return bytes;
  }
}

interface Bytes {
  total: number;
  light: number;
}

function add(inUse: Bytes, { bytes, isLight }: Turn): void {
  inUse.total += bytes;
  if (isLight) inUse.light += bytes;
}
