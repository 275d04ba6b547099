import { UserError } from "@poeem/offline/errors";

/** Exit code of a command that Ctrl-C ended, as shells have it: 128 + SIGINT. */
export const INTERRUPTED_EXIT_CODE = 130;

/** Training was stopped from outside; a checkpoint holds it. */
export class InterruptedError extends UserError {
  override readonly exitCode = INTERRUPTED_EXIT_CODE;
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/**
 * Ctrl-C (SIGINT) and SIGTERM as a wish that the training loop grants between two steps, and that waits for an index
 * that is being written. At other times, and the second time, they end the process at once: whatever is on the disk by
 * then is whole.
 */
export class Interrupt {
  #wished = false;
  /** What the first signal is answered with while it is deferred. */
  #answer: string | undefined;
  readonly #farewell: () => string;
  readonly #onSignal = (): void => this.#handle();

  /** @param farewell what is said when the process ends at once */
  constructor(farewell: () => string) {
    this.#farewell = farewell;
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  /** Whether somebody wants training to stop. */
  get requested(): boolean {
    return this.#wished;
  }

  /** From here on until `release` the first signal only sets `requested`. @param answer what is said then */
  defer(answer: string): void {
    this.#answer = answer;
  }

  release(): void {
    this.#answer = undefined;
  }

  dispose(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }

  #handle(): void {
    if (this.#answer !== undefined && !this.#wished) {
      this.#wished = true;
      process.stderr.write(`\n${this.#answer}; once more to stop at once\n`);
      return;
    }
    process.stderr.write(`\n${this.#farewell()}\n`);
    process.exit(INTERRUPTED_EXIT_CODE);
  }
}
