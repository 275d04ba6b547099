import { type ContextTable, contextRows } from "./contexts.ts";
import { type Csr, CsrBuilder, emptyLists, groupBy, listOf } from "./csr.ts";
import { PairNumbers } from "./pairs.ts";
import { SIDE } from "./split.ts";
import { type EventTable, type LeftOut, NONE, type QuerySet } from "./types.ts";
import { eventsOfUsers, Seen } from "./users.ts";

/** Events by query: which events of one text, or user, or text and user, or those and a context, are one query. */
export class QuerySets {
  private readonly events: EventTable;
  private readonly sides: Uint8Array;
  private readonly seen: Seen;
  /** Query of each event without its context, over all sides. */
  private readonly entry: Uint32Array;
  private readonly numEntries: number;
  /** Events of each user, oldest first; undefined without users. */
  readonly byUser: Csr | undefined;

  constructor(events: EventTable, sides: Uint8Array, numItems: number) {
    this.events = events;
    this.sides = sides;
    this.seen = new Seen(numItems);
    this.byUser = events.user && eventsOfUsers(events);
    const { query, user } = events;
    if (query && user) {
      const pairs = new PairNumbers();
      this.entry = query.numbers.map((text, event) => pairs.numberOf(text, user.numbers[event]!));
      this.numEntries = pairs.count;
    } else {
      const only = (query ?? user)!;
      this.entry = only.numbers;
      this.numEntries = only.values.length;
    }
  }

  /** The queries of the training events, numbered in order of their first event. */
  train(): { set: QuerySet; positions: Uint32Array; eventQuery: Uint32Array } {
    const { entry, sides } = this;
    const numberOf = new Uint32Array(this.numEntries).fill(NONE);
    const query = new Uint32Array(entry.length).fill(NONE);
    let count = 0;
    let numEvents = 0;
    for (let event = 0; event < entry.length; event++) {
      if (sides[event] !== SIDE.train) continue;
      const e = entry[event]!;
      if (numberOf[e] === NONE) numberOf[e] = count++;
      query[event] = numberOf[e]!;
      numEvents++;
    }
    const lists = groupBy(query, count, this.byUser?.values);
    const positions = new Uint32Array(numEvents);
    const eventQuery = new Uint32Array(numEvents);
    let next = 0;
    for (let event = 0; event < entry.length; event++) {
      if (query[event] === NONE) continue;
      positions[next] = event;
      eventQuery[next++] = query[event]!;
    }
    const relevant = new CsrBuilder();
    for (let q = 0; q < count; q++) {
      this.seen.next();
      this.pushItems(relevant, listOf(lists, q));
      relevant.end();
    }
    const set: QuerySet = {
      count,
      ...this.names(Uint32Array.from({ length: count }, (_, q) => listOf(lists, q)[0]!)),
      histories: emptyLists(count),
      contexts: emptyLists(count),
      relevant: this.ordered(relevant.build()),
    };
    return { set, positions, eventQuery };
  }

  /** The queries of a held-out side: with what was known of each before, and without what it found already in training. */
  heldOut(side: typeof SIDE.validation | typeof SIDE.test, contexts: ContextTable): { set: QuerySet; left: LeftOut } {
    const { entry, sides, events } = this;
    const known = groupBy(
      entry.map((e, event) => (this.isKnown(event, side) ? e : NONE)),
      this.numEntries,
    );
    const queries = new PairNumbers();
    const query = entry.map((e, event) =>
      sides[event] === side
        ? events.contexts.reduce(
            (number, { numbers }) => queries.numberOf(number, numbers[event]!),
            queries.numberOf(e, NONE),
          )
        : NONE,
    );
    const lists = groupBy(query, queries.count, this.byUser?.values);
    const relevant = new CsrBuilder();
    const histories = new CsrBuilder();
    const firsts: number[] = [];
    let repeats = 0;
    let withoutHistory = 0;
    for (let q = 0; q < queries.count; q++) {
      const positions = listOf(lists, q);
      // numbers of shorter combinations of contexts are no queries
      if (positions.length === 0) continue;
      this.seen.next();
      for (const event of listOf(known, entry[positions[0]!]!)) this.seen.add(events.item[event]!);
      const fresh = positions.filter((event) => !this.seen.has(events.item[event]!));
      repeats += positions.length - fresh.length;
      if (fresh.length === 0) continue;
      this.pushItems(relevant, fresh);
      if (events.user) this.pushHistory(histories, fresh, side);
      if (events.user && !events.query && histories.pending === 0) {
        withoutHistory++;
        relevant.drop();
        continue;
      }
      relevant.end();
      histories.end();
      firsts.push(fresh[0]!);
    }
    const first = Uint32Array.from(firsts);
    const set: QuerySet = {
      count: first.length,
      ...this.names(first),
      histories: histories.build(),
      contexts: contextRows(events, contexts, first),
      relevant: this.ordered(relevant.build()),
    };
    return { set, left: { repeats, withoutHistory } };
  }

  /** Items of events that are not seen yet in the list at hand. */
  private pushItems(lists: CsrBuilder, positions: Uint32Array): void {
    for (const event of positions) {
      const item = this.events.item[event]!;
      if (this.seen.add(item)) lists.push(item);
    }
  }

  /**
   * What the user of some held-out events had before: before the first of them where events have a time, else on the
   * known sides. The items of those events are seen already when this is called, and so are left out.
   */
  private pushHistory(lists: CsrBuilder, targets: Uint32Array, side: number): void {
    const { events, seen } = this;
    const user = events.user!.numbers[targets[0]!]!;
    const relevant = new Set<number>();
    for (const event of targets) relevant.add(events.item[event]!);
    seen.next();
    for (const event of listOf(this.byUser!, user)) {
      if (events.time && event === targets[0]) break;
      const item = events.item[event]!;
      if (this.isKnown(event, side) && !relevant.has(item) && seen.add(item)) lists.push(item);
    }
  }

  /** Whether a held-out query of `side` may know of an event. */
  private isKnown(event: number, side: number): boolean {
    const of = this.sides[event]!;
    return of === SIDE.train || of === SIDE.foldIn || (of === SIDE.validation && side === SIDE.test);
  }

  private names(firsts: Uint32Array): Pick<QuerySet, "texts" | "users"> {
    const { query, user } = this.events;
    const values = (column: typeof query): string[] =>
      column ? Array.from(firsts, (event) => column.values[column.numbers[event]!]!) : [];
    return { texts: values(query), users: values(user) };
  }

  /** Lists of items as a query set has them: ascending where there are no users. */
  private ordered(lists: Csr): Csr {
    if (!this.events.user) for (let i = 0; i < lists.offsets.length - 1; i++) listOf(lists, i).sort();
    return lists;
  }
}
