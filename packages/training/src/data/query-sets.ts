import { newestDistinct } from "@poeem/towers";
import { type ContextTable, contextRows } from "./contexts.ts";
import { type Csr, CsrBuilder, emptyLists, groupBy, groupStarts, listOf } from "./csr.ts";
import { PairNumbers } from "./pairs.ts";
import { givenSide, SIDE } from "./side.ts";
import { type AlsoTrained, type Dictionary, type EventTable, type LeftOut, NONE, type QuerySet } from "./types.ts";
import { Seen } from "./users.ts";

/** The training queries and their events. */
export interface TrainingQueries {
  readonly set: QuerySet;
  /** Positions of the training events in the event table, ascending. */
  readonly positions: Uint32Array;
  /** Number in `set` of each of them. */
  readonly eventQuery: Uint32Array;
  /** What the queries of `set` led to and was not liked: for each, events in order. Undefined without weights. */
  readonly disliked: Csr | undefined;
}

/** Held-out queries, what of their events no query has, and what of them training has too. */
export interface HeldOut {
  readonly set: QuerySet;
  readonly left: LeftOut;
  readonly alsoTrained: AlsoTrained;
}

/** Events by query: one text, or one user, or a text and a user; held-out queries have a context each, too. */
export class QuerySets {
  readonly #events: EventTable;
  readonly #forms: Dictionary | undefined;
  readonly #sides: Uint8Array;
  /** Whether the split gives the validation queries, and none are drawn. */
  readonly #ownValidation: boolean;
  readonly #seen: Seen;
  /** Query of each event without its context, over all sides. */
  readonly #entry: Uint32Array;
  /** Events of each query, in order. */
  readonly #byEntry: Csr;
  /** The same with all spellings of a text as one. */
  readonly #kin: Uint32Array;
  readonly #byKin: Csr;
  /** Where each user's events start; undefined without users. */
  readonly #starts: Uint32Array | undefined;

  /** @param forms the normal form of each event's query; undefined without texts */
  constructor(events: EventTable, forms: Dictionary | undefined, sides: Uint8Array, numItems: number) {
    this.#events = events;
    this.#forms = forms;
    this.#sides = sides;
    this.#ownValidation = events.part?.values.some((value) => givenSide(value) === SIDE.validation) ?? false;
    this.#seen = new Seen(numItems);
    const { query, user } = events;
    this.#starts = user && groupStarts(user.numbers, user.values.length);
    [this.#entry, this.#byEntry] = grouped(query, user);
    [this.#kin, this.#byKin] = forms ? grouped(forms, user) : [this.#entry, this.#byEntry];
  }

  /** The queries of the training events, numbered in order of their first event. */
  train(): TrainingQueries {
    const entry = this.#entry;
    const sides = this.#sides;
    const byEntry = this.#byEntry;
    const events = this.#events;
    const numberOf = new Uint32Array(byEntry.offsets.length - 1).fill(NONE);
    const entries: number[] = [];
    const positions = positionsOf(sides, SIDE.train);
    const eventQuery = new Uint32Array(positions.length);
    for (let i = 0; i < positions.length; i++) {
      const e = entry[positions[i]!]!;
      if (numberOf[e] === NONE) {
        numberOf[e] = entries.length;
        entries.push(e);
      }
      eventQuery[i] = numberOf[e]!;
    }
    const relevant = new CsrBuilder();
    const disliked = new CsrBuilder();
    const firsts = new Uint32Array(entries.length);
    entries.forEach((e, query) => {
      this.#seen.next();
      const all = listOf(byEntry, e);
      firsts[query] = all[0]!;
      for (const event of all) {
        const item = events.item[event]!;
        if (sides[event] === SIDE.train && this.#seen.add(item)) relevant.push(item);
      }
      relevant.end();
      // what was liked as well is liked
      for (const event of all)
        if (sides[event] === SIDE.disliked && !this.#seen.has(events.item[event]!)) disliked.push(event);
      disliked.end();
    });
    const set: QuerySet = {
      count: entries.length,
      ...this.#names(firsts),
      histories: emptyLists(entries.length),
      contexts: emptyLists(entries.length),
      relevant: this.#sorted(relevant.build()),
    };
    return { set, positions, eventQuery, disliked: events.weight && disliked.build() };
  }

  /**
   * Queries of a held-out side, in order of their first events there: with what was known of each before, without what
   * it found already in training. Of a split that is given nothing is left out.
   */
  heldOut(side: typeof SIDE.validation | typeof SIDE.test, contexts: ContextTable): HeldOut {
    const sides = this.#sides;
    const events = this.#events;
    const byEntry = this.#byEntry;
    const seen = this.#seen;
    const isGiven = events.part !== undefined;
    const trainedForms = this.#trainedForms();
    const relevant = new CsrBuilder();
    const histories = new CsrBuilder();
    const disliked = new CsrBuilder();
    const firsts: number[] = [];
    let repeats = 0;
    let withoutHistory = 0;
    let queries = 0;
    let pairs = 0;
    for (const e of new Set(positionsOf(sides, side).map((event) => this.#entry[event]!))) {
      const all = listOf(byEntry, e);
      const held = all.filter((event) => sides[event] === side);
      seen.next();
      if (!isGiven) {
        const kin = listOf(this.#byKin, this.#kin[all[0]!]!);
        for (const event of kin) if (this.#isKnown(event, side)) seen.add(events.item[event]!);
      }
      const fresh = held.filter((event) => !seen.has(events.item[event]!));
      repeats += held.length - fresh.length;
      for (const targets of this.#byContext(fresh)) {
        seen.next();
        for (const event of targets) {
          const item = events.item[event]!;
          if (seen.add(item)) relevant.push(item);
        }
        if (events.user) this.#pushPast(histories, disliked, targets, side);
        if (!isGiven && events.user && !events.query && histories.pending === 0) {
          withoutHistory++;
          relevant.drop();
          disliked.drop();
          continue;
        }
        relevant.end();
        histories.end();
        disliked.end();
        firsts.push(targets[0]!);
        if (trainedForms?.[this.#forms!.numbers[targets[0]!]!]) queries++;
        pairs += this.#trainedItems(targets);
      }
    }
    const first = Uint32Array.from(firsts);
    const set: QuerySet = {
      count: first.length,
      ...this.#names(first),
      histories: histories.build(),
      ...(events.user && events.weight && { disliked: disliked.build() }),
      contexts: contextRows(events, contexts, first),
      relevant: this.#sorted(relevant.build()),
    };
    return { set, left: { repeats, withoutHistory }, alsoTrained: { queries: trainedForms ? queries : null, pairs } };
  }

  /** Whether an event is trained on, or was taken out of what is trained on to watch the training by. */
  #isTraining(event: number): boolean {
    const of = this.#sides[event]!;
    return of === SIDE.train || (of === SIDE.validation && !this.#ownValidation);
  }

  /** 1 for each normal form that a training event asks. */
  #trainedForms(): Uint8Array | undefined {
    if (!this.#forms) return undefined;
    const { values, numbers } = this.#forms;
    const trained = new Uint8Array(values.length);
    numbers.forEach((form, event) => {
      if (this.#isTraining(event)) trained[form] = 1;
    });
    return trained;
  }

  /** How many items of some events of one query training has for the same user, or text where there are no users. */
  #trainedItems(targets: Uint32Array): number {
    const { user, item } = this.#events;
    const seen = this.#seen;
    seen.next();
    for (const event of targets) seen.add(item[event]!);
    const first = targets[0]!;
    const found = new Set<number>();
    const visit = (event: number): void => {
      if (this.#isTraining(event) && seen.has(item[event]!)) found.add(item[event]!);
    };
    if (user) {
      const number = user.numbers[first]!;
      for (let event = this.#starts![number]!; event < this.#starts![number + 1]!; event++) visit(event);
    } else listOf(this.#byKin, this.#kin[first]!).forEach(visit);
    return found.size;
  }

  /** Events of one context each, in order. */
  #byContext(positions: Uint32Array): readonly Uint32Array[] {
    const { contexts } = this.#events;
    if (positions.length === 0) return [];
    if (contexts.length === 0) return [positions];
    const groups = new Map<string, number[]>();
    for (const event of positions) {
      const key = contexts.map(({ numbers }) => numbers[event]).join();
      const group = groups.get(key);
      if (group) group.push(event);
      else groups.set(key, [event]);
    }
    return [...groups.values()].map((group) => Uint32Array.from(group));
  }

  /**
   * What the user of some held-out events had before: before the first of them where events have a time, else, and in a
   * split that is given, all on the known sides. The items of those events are seen already when this is called, and so
   * are left out. Each item once: where it comes last, if events have a time. Apart from it, what they disliked.
   */
  #pushPast(histories: CsrBuilder, disliked: CsrBuilder, targets: Uint32Array, side: number): void {
    const events = this.#events;
    const seen = this.#seen;
    const starts = this.#starts;
    const user = events.user!.numbers[targets[0]!]!;
    const end = events.ordered && !events.part ? targets[0]! : starts![user + 1]!;
    const first = starts![user]!;
    const known: number[] = [];
    for (let event = first; event < end; event++) {
      const item = events.item[event]!;
      if (this.#isKnown(event, side) && (events.ordered ? !seen.has(item) : seen.add(item))) known.push(item);
    }
    for (const item of events.ordered ? newestDistinct(known, Infinity) : known) histories.push(item);
    for (const item of known) seen.add(item);
    for (let event = first; events.weight && event < end; event++) {
      const item = events.item[event]!;
      if (this.#isDisliked(event) && seen.add(item)) disliked.push(item);
    }
  }

  /** Whether the history of a held-out query of `side` may hold an event. */
  #isKnown(event: number, side: number): boolean {
    const of = this.#sides[event]!;
    if (of === SIDE.foldIn) return !this.#isDisliked(event);
    return of === SIDE.train || of === SIDE.known || (of === SIDE.validation && side === SIDE.test);
  }

  /** Whether an event that is not held out says that an item is disliked. */
  #isDisliked(event: number): boolean {
    const of = this.#sides[event]!;
    return of === SIDE.disliked || (of === SIDE.foldIn && (this.#events.weight?.[event] ?? 1) < 0);
  }

  /** Texts and users of the queries that some events belong to. */
  #names(firsts: Uint32Array): Pick<QuerySet, "texts" | "users"> {
    const { query, user } = this.#events;
    const values = (column: typeof query): string[] =>
      column ? Array.from(firsts, (event) => column.values[column.numbers[event]!]!) : [];
    return { texts: values(query), users: values(user) };
  }

  /** Lists of items as a query set has them: ascending where there are no users. */
  #sorted(lists: Csr): Csr {
    if (!this.#events.user) for (let i = 0; i + 1 < lists.offsets.length; i++) listOf(lists, i).sort();
    return lists;
  }
}

/** Number of each event's text, user, or text and user, and the events of each number. */
function grouped(text: Dictionary | undefined, user: Dictionary | undefined): [Uint32Array, Csr] {
  if (!text || !user) {
    const { values, numbers } = (text ?? user)!;
    return [numbers, groupBy(numbers, values.length)];
  }
  const pairs = new PairNumbers();
  const numbers = text.numbers.map((number, event) => pairs.numberOf(number, user.numbers[event]!));
  return [numbers, groupBy(numbers, pairs.count)];
}

/** Positions of the events of a side. */
function positionsOf(sides: Uint8Array, side: number): Uint32Array {
  let count = 0;
  for (let event = 0; event < sides.length; event++) if (sides[event] === side) count++;
  const positions = new Uint32Array(count);
  let next = 0;
  for (let event = 0; event < sides.length; event++) if (sides[event] === side) positions[next++] = event;
  return positions;
}
