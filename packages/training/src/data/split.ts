import { UserError } from "@poeem/offline/errors";
import { fnv1a32 } from "@poeem/towers";
import type { PoeemConfig } from "../config.ts";
import { isHeldOut, JoinedHash, smallest } from "./hold-out.ts";
import { givenSide, isHeldOutSide, SIDE, sideOfWeight } from "./side.ts";
import type { Texts } from "./text-list.ts";
import { type Dictionary, type EventTable, NONE } from "./types.ts";
import { eachUser, Seen } from "./users.ts";

// Of a user's items that are to be found in a split by user, and in validation.
const USER_SHARE = 0.2;
const TIME_SHARE = 0.1;
const VALIDATION_SHARE = 0.05;

/**
 * Side of each event. All events of one user with one item (of one query in whatever spelling, in data without users)
 * are on the same side, but for a split by time or one that is given. What weighs nothing or less is never to be found:
 * what is held out is chosen by the others.
 *
 * @param forms the normal form of each event's query; undefined without texts
 * @param ids ids of the items, of which the split's hash may be made
 */
export function splitEvents(
  events: EventTable,
  forms: Dictionary | undefined,
  ids: Texts,
  config: PoeemConfig,
): Uint8Array {
  const { weight, count } = events;
  const sides = weight ? Uint8Array.from(weight, sideOfWeight) : new Uint8Array(count);
  const splitter = new Splitter(events, forms, ids, config);
  splitter[config.split.by](sides);
  splitter.validation(sides);
  return sides;
}

class Splitter {
  readonly #events: EventTable;
  readonly #forms: Dictionary | undefined;
  readonly #ids: Texts;
  readonly #config: PoeemConfig;
  readonly #seen: Seen;

  constructor(events: EventTable, forms: Dictionary | undefined, ids: Texts, config: PoeemConfig) {
    this.#events = events;
    this.#forms = forms;
    this.#ids = ids;
    this.#config = config;
    this.#seen = new Seen(ids.length);
  }

  hash(sides: Uint8Array): void {
    const { query, user, item } = this.#config.events;
    const { testModulus, columns } = this.#config.split;
    if (testModulus === 0) return;
    const parts = (columns ?? (query === undefined ? [user!, item] : [query])).map((name) => this.#column(name));
    const hash = new JoinedHash(parts.map(({ values }) => values));
    const numbers = new Array<number>(parts.length);
    for (let event = 0; event < sides.length; event++) {
      for (let part = 0; part < parts.length; part++) numbers[part] = parts[part]!.numbers[event]!;
      if (hash.of(numbers) % testModulus === 0) this.#hold(event, sides, SIDE.test);
    }
  }

  /** The item that a user came to last, with all their events of it. */
  last(sides: Uint8Array): void {
    eachUser(this.#events, (start, end) => {
      const items = this.#distinctItems(start, end, sides);
      if (items.length > 1) this.#mark(start, end, sides, [items.at(-1)!], SIDE.test);
    });
  }

  time(sides: Uint8Array): void {
    const time = this.#events.time!;
    const sorted = time.filter((_, event) => sides[event] === SIDE.train).sort();
    const cut = sorted[Math.floor((1 - (this.#config.split.share ?? TIME_SHARE)) * sorted.length)]!;
    if (cut === sorted[0]) {
      throw new UserError(
        `split: expected times to split by, got ${cut} in more than ` +
          `${Math.floor(100 * (1 - (this.#config.split.share ?? TIME_SHARE)))} % of the events`,
      );
    }
    for (let event = 0; event < sides.length; event++) if (time[event]! >= cut) this.#hold(event, sides, SIDE.test);
  }

  user(sides: Uint8Array): void {
    const { share = USER_SHARE, testModulus } = this.#config.split;
    eachUser(this.#events, (start, end, user) => {
      if (isHeldOut(this.#events.user!.values[user]!, testModulus)) {
        this.#foldIn(start, end, sides, share, SIDE.test, user);
      }
    });
  }

  given(sides: Uint8Array): void {
    const { values, numbers } = this.#events.part!;
    const sideOf = values.map((value) => givenSide(value)!);
    for (let event = 0; event < sides.length; event++) {
      const side = sideOf[numbers[event]!]!;
      if (side === SIDE.foldIn) sides[event] = side;
      else if (side !== SIDE.train) this.#hold(event, sides, side);
    }
  }

  /**
   * Takes some queries out of training: texts in all their spellings where there are texts, else users, whole or a part
   * of their items.
   */
  validation(sides: Uint8Array): void {
    const forms = this.#forms;
    const { by, validation } = this.#config.split;
    // a split that is given may have its own
    if (validation === 0 || sides.includes(SIDE.validation)) return;
    const whole = by === "user";
    const unit = forms && !whole ? forms : this.#events.user!;
    const isCandidate = new Uint8Array(unit.values.length);
    if (unit === forms) {
      for (let e = 0; e < sides.length; e++) if (sides[e] === SIDE.train) isCandidate[forms.numbers[e]!] = 1;
    } else {
      eachUser(this.#events, (start, end, u) => {
        if (this.#distinctItems(start, end, sides).length > 1) isCandidate[u] = 1;
      });
    }
    const candidates: number[] = [];
    for (let i = 0; i < isCandidate.length; i++) if (isCandidate[i]) candidates.push(i);
    // a prefix, so that this choice has nothing to do with that of the test
    const chosen = smallest(
      candidates,
      (candidate) => fnv1a32(`validation\t${unit.values[candidate]}`),
      Math.min(validation, Math.floor(VALIDATION_SHARE * candidates.length)),
    );
    const isChosen = new Uint8Array(unit.values.length);
    for (const one of chosen) isChosen[one] = 1;
    if (unit === forms) {
      for (let e = 0; e < sides.length; e++) {
        const isOpen = !isHeldOutSide(sides[e]!) && sides[e] !== SIDE.foldIn;
        if (isOpen && isChosen[forms.numbers[e]!]) this.#hold(e, sides, SIDE.validation);
      }
      return;
    }
    eachUser(this.#events, (start, end, u) => {
      if (!isChosen[u]) return;
      if (whole) this.#foldIn(start, end, sides, USER_SHARE, SIDE.validation, u);
      else {
        const items = this.#toFind(start, end, sides, by === "last" ? 0 : USER_SHARE, u);
        this.#mark(start, end, sides, items, SIDE.validation);
      }
    });
  }

  /** Takes a user out of training: a share of their items is to be found from the rest. */
  #foldIn(start: number, end: number, sides: Uint8Array, share: number, side: number, user: number): void {
    const items = this.#toFind(start, end, sides, share, user);
    for (let event = start; event < end; event++) if (!isHeldOutSide(sides[event]!)) sides[event] = SIDE.foldIn;
    this.#mark(start, end, sides, items, side);
  }

  /** A share of the items of a user's training events, at least one, never all: the newest, or else by hash. */
  #toFind(start: number, end: number, sides: Uint8Array, share: number, user: number): number[] {
    const items = this.#distinctItems(start, end, sides);
    if (items.length < 2) return [];
    const n = Math.min(items.length - 1, Math.max(1, Math.round(share * items.length)));
    if (this.#events.ordered) return items.slice(-n);
    const name = this.#events.user!.values[user]!;
    return smallest(items, (item) => fnv1a32(`${name}\t${this.#ids.at(item)}`), n);
  }

  /** Items of a user's training events, in order of the first event of each. */
  #distinctItems(start: number, end: number, sides: Uint8Array): number[] {
    const items: number[] = [];
    this.#seen.next();
    for (let event = start; event < end; event++) {
      const item = this.#events.item[event]!;
      if (sides[event] === SIDE.train && this.#seen.add(item)) items.push(item);
    }
    return items;
  }

  /** Puts a user's events of some items on a side, but for those that are held out already. */
  #mark(start: number, end: number, sides: Uint8Array, items: readonly number[], side: number): void {
    this.#seen.next();
    for (const item of items) this.#seen.add(item);
    for (let event = start; event < end; event++) {
      if (!isHeldOutSide(sides[event]!) && this.#seen.has(this.#events.item[event]!)) this.#hold(event, sides, side);
    }
  }

  /** Takes an event out of training; what weighs nothing or less is not to be found either. */
  #hold(event: number, sides: Uint8Array, side: number): void {
    const { weight } = this.#events;
    sides[event] = weight && !(weight[event]! > 0) ? SIDE.none : side;
  }

  #column(name: string): Dictionary {
    if (name === this.#config.events.query) return this.#forms!;
    if (name === this.#config.events.item) return { values: [...this.#ids], numbers: this.#events.item };
    const { values, numbers } = this.#events.columns.get(name)!;
    if (!numbers.includes(NONE)) return { values, numbers };
    // a missing value hashes as an empty text
    return { values: [...values, ""], numbers: numbers.map((number) => (number === NONE ? values.length : number)) };
  }
}
