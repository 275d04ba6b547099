import { type IndexEvent, type LogEntry, levelOfEvent, type WithoutCount } from "./log.ts";

/** Lines that an attack, or a store that fails, would repeat thousands of times a second. */
type Counted = Extract<LogEntry, { readonly count: number }>;

/** How long lines of one kind are counted before the next one. */
const MINUTE_MS = 60_000;

interface Kind {
  since: number;
  /** Not yet told. */
  count: number;
  last: WithoutCount<Counted> | undefined;
}

/**
 * Writes the first line of a kind at once, then one a minute that says how many there were: their counts add up to
 * what happened. Kinds are few and fixed, so that nothing that a client sends makes this grow.
 */
export class Repeats {
  readonly #kinds = new Map<string, Kind>();
  #dueAt = Number.POSITIVE_INFINITY;

  /** @param kind of what is counted together */
  say(kind: string, line: WithoutCount<Counted>, now: number, log: (entry: LogEntry) => void): void {
    this.tell(now, log);
    const known = this.#kinds.get(kind);
    if (known !== undefined) {
      known.count++;
      known.last = line;
      return;
    }
    this.#kinds.set(kind, { since: now, count: 0, last: undefined });
    this.#dueAt = Math.min(this.#dueAt, now + MINUTE_MS);
    log({ ...line, count: 1 } as Counted);
  }

  /** Writes what happened to an index, by count where it may happen thousands of times. */
  sayIndex(event: IndexEvent, now: number, log: (entry: LogEntry) => void): void {
    const level = levelOfEvent(event);
    if (event.event === "read-failed") this.say(`${event.event} ${event.kind}`, { level, ...event }, now, log);
    else if (event.event === "read-again") this.say(event.event, { level, ...event }, now, log);
    else log({ level, ...event });
  }

  /** Writes what is due: to be called at every request, as there may be no other moment. */
  tell(now: number, log: (entry: LogEntry) => void): void {
    if (now < this.#dueAt) return;
    this.#dueAt = Number.POSITIVE_INFINITY;
    for (const [name, kind] of this.#kinds) {
      if (now - kind.since >= MINUTE_MS) {
        // A minute without any: the next one is the first again.
        if (kind.last === undefined) {
          this.#kinds.delete(name);
          continue;
        }
        log({ ...kind.last, count: kind.count } as Counted);
        kind.since = now;
        kind.count = 0;
        kind.last = undefined;
      }
      this.#dueAt = Math.min(this.#dueAt, kind.since + MINUTE_MS);
    }
  }
}
