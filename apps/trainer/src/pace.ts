/** How fast a piece of work goes, from its last half minute: older pauses and slower phases do not count. */
export class Pace {
  readonly #samples: { at: number; done: number }[] = [];

  /** @param now milliseconds of a clock that never goes back */
  add(done: number, now: number): void {
    this.#samples.push({ at: now, done });
    // the oldest that is kept lies just outside the window
    while (this.#samples.length > 2 && this.#samples[1]!.at < now - WINDOW) this.#samples.shift();
  }

  /** Units per second; undefined before there is anything to tell it from. */
  get rate(): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.at <= first.at) return undefined;
    return (1000 * (last.done - first.done)) / (last.at - first.at);
  }

  /** Seconds that `left` more units will take; undefined while that cannot be told. */
  secondsFor(left: number): number | undefined {
    const { rate } = this;
    return rate === undefined || rate <= 0 ? undefined : left / rate;
  }
}

const WINDOW = 30_000;
