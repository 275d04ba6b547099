import { UserError } from "@poeem/offline/errors";
import type { Clock } from "./clock.ts";

/** What a failed request says about trying again. */
export interface Failure {
  readonly retriable: boolean;
  /** What went wrong, for people. */
  readonly reason: string;
  /** Milliseconds that the server asked to wait. */
  readonly retryAfterMs?: number | undefined;
}

export interface RetryOptions {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly classify: (error: unknown) => Failure;
  /** Called before each wait. */
  readonly onWait?: ((reason: string, ms: number) => void) | undefined;
  /** Default 9, which takes a minute. */
  readonly maxAttempts?: number | undefined;
}

const MAX_ATTEMPTS = 9;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
/** A server that asks for more is not waited for. */
const LONGEST_RETRY_AFTER_MS = 15 * 60_000;

/**
 * Runs `work` until it succeeds, with waits that double, of which a random half is taken off so that two publishers do
 * not meet again and again; or as long as the server asks for.
 * @throws what `work` threw when that is not worth a retry; a `UserError` when all attempts failed
 */
export async function withRetries<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const { retriable, reason, retryAfterMs } = options.classify(error);
      if (!retriable) throw error;
      if (attempt === (options.maxAttempts ?? MAX_ATTEMPTS))
        throw new UserError(`gave up after ${attempt} attempts: ${reason}`);
      if (retryAfterMs !== undefined && retryAfterMs > LONGEST_RETRY_AFTER_MS) {
        throw new UserError(`${reason}; asked to wait ${Math.round(retryAfterMs / 60_000)} minutes, try again later`);
      }
      const backOff = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1)) * (1 - options.random() / 2);
      // a little later than asked for: many clients are told the same second
      const ms = retryAfterMs === undefined ? backOff : retryAfterMs + 500 * options.random();
      options.onWait?.(reason, ms);
      await options.clock.sleep(ms);
    }
  }
}

/** Reads a Retry-After header: seconds, or a date. Undefined when there is none or it says nothing. */
export function parseRetryAfter(header: string | null | undefined, now: number): number | undefined {
  if (!header) return undefined;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? 1000 * seconds : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/**
 * Keeps requests below a limit of so many in any stretch of time, by making the one too many wait. Exceeding
 * Cloudflare's limit blocks a user's every tool for five minutes, the dashboard included.
 */
export class RequestBudget {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #sent: number[] = [];

  constructor(clock: Clock, limit: number, windowMs: number) {
    this.#clock = clock;
    this.#limit = limit;
    this.#windowMs = windowMs;
  }

  /** Resolves when one more request may be sent, and counts it. */
  async take(): Promise<void> {
    for (;;) {
      const now = this.#clock.now();
      while (this.#sent.length > 0 && this.#sent[0]! <= now - this.#windowMs) this.#sent.shift();
      if (this.#sent.length < this.#limit) {
        this.#sent.push(now);
        return;
      }
      await this.#clock.sleep(this.#sent[0]! + this.#windowMs - now);
    }
  }
}
