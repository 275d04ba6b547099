import { type Csr, groupBy } from "./csr.ts";
import type { EventTable } from "./types.ts";

/** Positions of each user's events, oldest first: by time where there is one (ties in row order), else in row order. */
export function eventsOfUsers(events: EventTable): Csr {
  const { user, time } = events;
  if (!user) throw new Error("[trainer] events have no user column");
  const byUser = groupBy(user.numbers, user.values.length);
  if (!time) return byUser;
  for (let u = 0; u < user.values.length; u++) {
    const list = byUser.values.subarray(byUser.offsets[u], byUser.offsets[u + 1]);
    if (!isAscending(list, time)) list.sort((a, b) => time[a]! - time[b]! || a - b);
  }
  return byUser;
}

function isAscending(positions: Uint32Array, time: Float64Array): boolean {
  for (let i = 1; i < positions.length; i++) if (time[positions[i]!]! < time[positions[i - 1]!]!) return false;
  return true;
}

/** Which numbers below `size` have been seen in the list at hand, without clearing anything between lists. */
export class Seen {
  private readonly stamps: Uint32Array;
  private stamp = 0;

  constructor(size: number) {
    this.stamps = new Uint32Array(size);
  }

  /** Begins a new list. */
  next(): void {
    this.stamp++;
  }

  has(number: number): boolean {
    return this.stamps[number] === this.stamp;
  }

  /** False when the number was there already. */
  add(number: number): boolean {
    if (this.has(number)) return false;
    this.stamps[number] = this.stamp;
    return true;
  }
}
