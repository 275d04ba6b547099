/** Why an index cannot be read: as errors say it, and as it is remembered and told until it can be. */
import { FormatError } from "@poeem/pq-core";
import { causesOf, type FailureKind, type RefreshFailed } from "../log.ts";
import { OverloadedError } from "./errors.ts";

/** A value that did not come, or is not what it should be. The message names the key, so it is for the log alone. */
export class ReadError extends Error {
  override readonly name = "ReadError";
  readonly kind: FailureKind;
  constructor(kind: FailureKind, message: string, options?: ErrorOptions) {
    super(`[edge] ${message}`, options);
    this.kind = kind;
  }
}

/** What of an error, or of what caused it, may be told to anybody. */
export function failureKindOf(error: unknown): FailureKind {
  for (let e = error; e instanceof Error; e = e.cause) {
    if (e instanceof ReadError) return e.kind;
    if (e instanceof FormatError) return "damaged";
    // Else its turn did not come in time.
    if (e instanceof OverloadedError && e.cause === undefined) return "late";
  }
  return "unreadable";
}

/** The same failure is logged again after this long. */
const REPORT_AGAIN_MS = 600_000;
/** A version is tried so often with the usual wait between, */
const PROMPT_TRIES = 5;
/** then ever less often, but no more rarely than once in so many times that wait. */
const MAX_WAITS = 4;

/** What failed last, and how often in a row. */
export class Failures {
  readonly #now: () => number;
  readonly #report: (failure: Omit<RefreshFailed, "event" | "index" | "indexVersion">) => void;
  #last: { readonly kind: FailureKind; readonly since: number; readonly error: unknown } | undefined;
  /** What was tried, and how often it failed in a row. */
  #about: string | undefined;
  #count = 0;
  #heldBackUntil = 0;
  readonly #reported = { text: "", at: Number.NEGATIVE_INFINITY };

  constructor(
    now: () => number,
    report: (failure: Omit<RefreshFailed, "event" | "index" | "indexVersion">) => void = () => undefined,
  ) {
    this.#now = now;
    this.#report = report;
  }

  /** The last failure, as it may be told to anybody; undefined when nothing fails. */
  get public(): string | undefined {
    if (this.#last === undefined) return undefined;
    return `${this.#last.kind} since ${new Date(this.#last.since).toISOString()}`;
  }

  /** What was thrown last. */
  get error(): unknown {
    return this.#last?.error;
  }

  /**
   * @param about what was tried: after a few failures of the same it is held back longer each time
   * @param wantedVersion version that could not be read, as far as it is known
   */
  add(error: unknown, waitMs: number, about?: string, wantedVersion?: string): void {
    const now = this.#now();
    const kind = failureKindOf(error);
    this.#count = about !== undefined && about === this.#about ? this.#count + 1 : 1;
    this.#about = about;
    this.#heldBackUntil = now + waitMs * Math.min(MAX_WAITS, 2 ** Math.max(0, this.#count - PROMPT_TRIES));
    this.#last = { kind, since: this.#last?.since ?? now, error };
    const causes = causesOf(error);
    const text = causes.join();
    if (text === this.#reported.text && now - this.#reported.at < REPORT_AGAIN_MS) return;
    Object.assign(this.#reported, { text, at: now });
    this.#report({ kind, since: new Date(this.#last.since).toISOString(), wantedVersion, causes });
  }

  /** Whether it is too early to try again what failed. Anything else may be tried at once. */
  holdBack(about: string): boolean {
    return about === this.#about && this.#now() < this.#heldBackUntil;
  }

  /** The pointer could be read: if that was what failed last, it does no more. */
  clearLooks(): void {
    if (this.#about === undefined) this.clear();
  }

  clear(): void {
    this.#last = undefined;
    this.#about = undefined;
    this.#reported.text = "";
  }
}
