/**
 * What the log says: one line an event, as JSON. Names and members stand in `docs/runbook.md`, and queries of operators
 * depend on them: a new one is added, an old one keeps its meaning. Never the text of a query, which may be about a
 * person, never a token or an address.
 */
import type { EncoderFault } from "./encoder/encoder.ts";
import type { ProblemType } from "./http/problem.ts";

/** Which index, and which version of it, as far as is known. */
interface OfIndex {
  /** Name of the index. */
  readonly index?: string | undefined;
  readonly indexVersion?: string | undefined;
}

/** What a request has used so far. Members are undefined where nothing was priced or read. */
export interface Spent {
  /** Operations on the store, those that were tried again included. */
  readonly reads?: number | undefined;
  /** Bytes that they brought, and a cache before them. */
  readonly bytes?: number | undefined;
  /** Values that a cache had, so that they took no operation; left out where there are none. */
  readonly cached?: number | undefined;
  /** Price of its searches, in codes scanned. */
  readonly work?: number | undefined;
  /** Milliseconds that it waited for its turn. */
  readonly waitedMs?: number | undefined;
}

/** Why a request got no answer. */
interface Reason {
  readonly problem?: ProblemType | undefined;
  /** What the client was told. */
  readonly detail?: string | undefined;
  /** What was not told: the error and what caused it, outermost first, with keys and paths. */
  readonly causes?: readonly string[] | undefined;
}

/** Why the last look for a newer version failed, as far as the public may know. */
export type FailureKind = "missing" | "damaged" | "late" | "unreadable" | "memory";

/** A version that was not in memory was read, and answers from now on. */
export interface ColdStart extends OfIndex {
  readonly event: "cold-start";
  readonly publishedAt: string;
  /** Milliseconds that the reading took; what earlier attempts brought is not in it, nor in the reads and bytes. */
  readonly ms: number;
  /** Operations on the store. */
  readonly reads: number;
  /** Bytes that they brought, and a cache before them. */
  readonly bytes: number;
  /** Values that a cache had; left out where there are none. */
  readonly cached?: number | undefined;
}

/** Another version answers from now on. */
export interface TakeOver extends OfIndex {
  readonly event: "take-over";
  readonly publishedAt: string;
  /** The version that answered until now. */
  readonly previousVersion: string;
  readonly ms: number;
  readonly reads: number;
  readonly bytes: number;
  readonly cached?: number | undefined;
}

/** A look for a newer version failed; the version that is named keeps answering. */
export interface RefreshFailed extends OfIndex {
  readonly event: "refresh-failed";
  readonly kind: FailureKind;
  /** Since when looks have failed, ISO 8601. */
  readonly since: string;
  /** Version that the pointer names, when that much could be read. */
  readonly wantedVersion?: string | undefined;
  readonly causes: readonly string[];
}

/** A pointer came that is older than the one that is followed, as a store may give for a minute; nothing is done. */
export interface StalePointer extends OfIndex {
  readonly event: "stale-pointer";
  /** The version that it names. */
  readonly wantedVersion: string;
  readonly publishedAt: string;
}

/** The same for minutes, as no cache gives it: somebody wrote a pointer that is older than the one before. */
export interface OldPointer extends OfIndex {
  readonly event: "old-pointer";
  readonly wantedVersion: string;
  readonly publishedAt: string;
  /** When it was first seen, and when it is followed all the same if nothing else comes, ISO 8601. */
  readonly since: string;
  readonly until: string;
}

/** Chunks came damaged and were read again, past the caches. The first at once, then by count. */
export interface ReadAgain extends OfIndex {
  readonly event: "read-again";
  /** Of the last of them. */
  readonly key: string;
  /** How many since the last such line, this one included. */
  readonly count: number;
}

/**
 * Reads failed, hung or found no chunk, whether or not the next try brought it. The first of a kind at once, then by
 * count.
 */
export interface ReadFailed extends OfIndex {
  readonly event: "read-failed";
  readonly kind: FailureKind;
  /** Of the last of them, */
  readonly key: string;
  /** and why. */
  readonly causes: readonly string[];
  readonly count: number;
}

/** An index left memory, to make room for another; its next request is a cold start. */
export interface Evicted extends OfIndex {
  readonly event: "evicted";
  /** Name of the index that needed the room. */
  readonly for: string;
  /** Memory that it had. */
  readonly bytes: number;
  /** Milliseconds since somebody asked for it. */
  readonly idleMs: number;
}

/** What the code below `src/index` reports. It counts nothing: see `repeats.ts`. */
export type IndexEvent = ColdStart | TakeOver | RefreshFailed | StalePointer | OldPointer | Evicted | ReadFault;

/** What goes wrong with one read. */
export type ReadFault = WithoutCount<ReadAgain | ReadFailed>;

/** A line before it is known how many it stands for. */
export type WithoutCount<E> = E extends unknown ? Omit<E, "count"> : never;

/** A request: each with `LOG=all`, else those with a status of 500 or more. */
export interface RequestLine extends OfIndex, Spent, Reason {
  readonly event: "request";
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Milliseconds that it waited for I/O: clocks of a Worker stand still while it computes. */
  readonly ioMs: number;
  /** Of a request with a mistake of the client's: names of its parameters, "unknown" for one that there is not. */
  readonly parameters?: readonly string[] | undefined;
}

/** Requests that were turned away, for what they cost or for how many they are. The first at once, then by count. */
export interface Refused extends OfIndex, Spent, Reason {
  readonly event: "refused";
  readonly problem: ProblemType;
  readonly status: number;
  /** Of the last of them. */
  readonly requestId: string;
  readonly path: string;
  /** Parameters to lower. */
  readonly parameters?: readonly string[] | undefined;
  /** How many since the last such line, this one included. */
  readonly count: number;
}

/** Searches that took more than half of what they may, or a second. The first at once, then by count. */
export interface SlowSearch extends OfIndex, Spent {
  readonly event: "slow-search";
  readonly requestId: string;
  readonly path: string;
  readonly status: number;
  readonly ioMs: number;
  /** What there was much of. */
  readonly much: readonly ("work" | "reads" | "ioMs")[];
  readonly count: number;
}

/** A fault of ours: the client was told nothing but the id of its request. */
export interface Fault {
  readonly event: "fault";
  readonly requestId: string;
  readonly message: string;
  readonly stack?: string | undefined;
}

/** A setting that cannot be, found at the first request: all are answered so. The first at once, then by count. */
export interface Misconfigured extends Fault {
  readonly count: number;
}

/** A hook `onError` that failed itself. */
export interface HookFailed {
  readonly event: "hook";
  readonly requestId: string;
  readonly message: string;
}

/** The rate limiter failed, and requests went on as if there were none. The first at once, then by count. */
export interface LimiterFailed {
  readonly event: "limiter-failed";
  readonly causes: readonly string[];
  readonly count: number;
}

/**
 * An encoder gave no vectors, and searches were answered without. The first of a kind at once, then by count of
 * requests.
 */
export interface EncoderFailed extends OfIndex {
  readonly event: "encoder-failed";
  readonly encoder: string;
  readonly kind: EncoderFault;
  /** Of the last of them: what is known of why, without any text or key. */
  readonly causes: readonly string[];
  readonly count: number;
}

/** The overlap of a search with the same over all cells. */
export interface Canary extends OfIndex {
  readonly event: "canary";
  readonly nprobe?: number | undefined;
  readonly k?: number | undefined;
  readonly overlapAtK?: number | undefined;
}

/** Why there is none. The first at once, then by count. */
export interface NoCanary extends Canary {
  readonly message: string;
  readonly count: number;
}

export type Level = "info" | "warn" | "error";

/** One line of log: `event` says what happened. */
export type LogEntry = { readonly level: Level } & (
  | Exclude<IndexEvent, ReadFault>
  | ReadAgain
  | ReadFailed
  | LimiterFailed
  | EncoderFailed
  | RequestLine
  | Refused
  | SlowSearch
  | Fault
  | Misconfigured
  | HookFailed
  | Canary
  | NoCanary
);

const INDEX_LEVELS: Readonly<Record<IndexEvent["event"], Level>> = {
  "cold-start": "info",
  "take-over": "info",
  "refresh-failed": "warn",
  "stale-pointer": "info",
  "old-pointer": "warn",
  "read-again": "warn",
  "read-failed": "warn",
  evicted: "info",
};

/** How bad it is what happened to an index. */
export function levelOfEvent({ event }: IndexEvent): Level {
  return INDEX_LEVELS[event];
}

const MAX_CAUSES = 6;
const MAX_CAUSE_LENGTH = 500;

/** An error and what caused it, outermost first, for the log alone: messages name keys and paths. */
export function causesOf(error: unknown): readonly string[] {
  const causes: string[] = [];
  for (let e = error; e !== undefined && e !== null && causes.length < MAX_CAUSES; ) {
    // Anything may be thrown, also what cannot be made a text.
    causes.push(e instanceof Error || typeof e === "string" ? String(e).slice(0, MAX_CAUSE_LENGTH) : typeof e);
    e = e instanceof Error ? e.cause : undefined;
  }
  return causes;
}

/** What was thrown, in a few words, whatever it is: for the log. */
export function thrownText(thrown: unknown): string {
  return causesOf(thrown)[0] ?? String(thrown);
}

/** Writes a line to the console, whose levels the platform's log keeps. */
export function writeLog(entry: LogEntry): void {
  console[entry.level](JSON.stringify(entry));
}
