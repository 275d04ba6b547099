import { joinStates, restoreParts, type State, type Stateful, type StateValue } from "../state.ts";
import type { CheckpointStore } from "./checkpoint.ts";

export interface EarlyStoppingFacts {
  /** Best recall so far and the step of its weights; step 0 before the first validation. */
  readonly best: number;
  readonly bestStep: number;
  /** Validations since the best one. */
  readonly since: number;
}

/** Ends training when recall has not risen for `patience` validations, and keeps the weights of the best one. */
export class EarlyStopping {
  readonly #patience: number;
  readonly #parts: Readonly<Record<string, Stateful>>;
  readonly #checkpoints: CheckpointStore | undefined;
  #current: EarlyStoppingFacts;
  #weights: State | undefined;

  /**
   * @param patience 0 = never stop early, and keep the last weights
   * @param parts what has the weights
   * @param checkpoints where the best weights go; in memory without
   */
  constructor(
    patience: number,
    parts: Readonly<Record<string, Stateful>>,
    checkpoints: CheckpointStore | undefined,
    before: EarlyStoppingFacts = { best: 0, bestStep: 0, since: 0 },
  ) {
    this.#patience = patience;
    this.#parts = parts;
    this.#checkpoints = checkpoints;
    this.#current = before;
  }

  get facts(): EarlyStoppingFacts {
    return this.#current;
  }

  /** Whether waiting has come to an end. */
  get done(): boolean {
    return this.#patience > 0 && this.#current.since >= this.#patience;
  }

  /** Takes in one validation. */
  async add(step: number, recall: number): Promise<void> {
    if (this.#patience === 0) return;
    const { best, bestStep, since } = this.#current;
    if (bestStep > 0 && recall <= best) {
      this.#current = { best, bestStep, since: since + 1 };
      return;
    }
    this.#current = { best: recall, bestStep: step, since: 0 };
    const weights = await joinStates(this.#parts);
    if (this.#checkpoints) await this.#checkpoints.saveBest(step, weights);
    else this.#weights = copyOf(weights);
  }

  /** Puts the best weights back, if others came after them. Returns the step they are of. */
  async restoreBest(step: number): Promise<number> {
    const { bestStep } = this.#current;
    if (this.#patience === 0 || bestStep === 0 || bestStep === step) return step;
    restoreParts(this.#parts, this.#checkpoints ? await this.#checkpoints.best(bestStep) : this.#weights!);
    return bestStep;
  }
}

function copyOf(state: State): State {
  return Object.fromEntries(
    Object.entries(state).map(([name, value]): [string, StateValue] => [
      name,
      typeof value === "number" ? value : value.slice(),
    ]),
  );
}
