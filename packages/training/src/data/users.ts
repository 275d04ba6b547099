import type { EventTable } from "./types.ts";

/** Calls `visit` with the events of each user, which are those from `start` to `end`, oldest first. */
export function eachUser(events: EventTable, visit: (start: number, end: number, user: number) => void): void {
  const { user, count } = events;
  if (!user) throw new Error("[training] events have no user column");
  for (let start = 0, end = 0; start < count; start = end) {
    const number = user.numbers[start]!;
    while (end < count && user.numbers[end] === number) end++;
    visit(start, end, number);
  }
}

/** Which numbers below `size` have been seen in the list at hand, without clearing anything between lists. */
export class Seen {
  readonly #stamps: Uint32Array;
  #stamp = 0;

  constructor(size: number) {
    this.#stamps = new Uint32Array(size);
  }

  /** Begins a new list. */
  next(): void {
    this.#stamp++;
  }

  has(number: number): boolean {
    return this.#stamps[number] === this.#stamp;
  }

  /** False when the number was there already. */
  add(number: number): boolean {
    if (this.has(number)) return false;
    this.#stamps[number] = this.#stamp;
    return true;
  }
}
